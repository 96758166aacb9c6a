"""How much is taken on, and how long is waited."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from common.setting_groups.checked import off_or_from
from common.setting_groups.reach import Live, Rolling


class Limits(BaseModel):
    boot_timeout: float = Field(
        default=300.0,
        gt=0,
        description="seconds a child may take to become ready, its turn at the card included",
    )
    hang_timeout: Annotated[float, off_or_from(2.0)] = Field(
        default=60.0, description="seconds that a child may be silent once it was ready: ended; 0: for ever"
    )
    session_timeout: Rolling[float] = Field(
        default=60.0, gt=0, description="seconds without a sign of its gateway: evicted"
    )
    drain_timeout: Live[float] = Field(
        default=30.0,
        ge=0,
        description="seconds that a worker told to stop gives its sessions to go elsewhere at an endpoint",
    )
    failover_timeout: Live[float] = Field(
        default=120.0, gt=0, description="seconds for which a session without a worker waits for one"
    )
    max_lag_ms: Live[int] = Field(
        default=0, ge=0, description="a worker later than this takes no new sessions; 0: no limit"
    )
    max_speaking: Live[int | None] = Field(
        default=None, ge=1, description="sessions of one worker that may speak at once; any if not given"
    )
    capacity: Rolling[float | None] = Field(
        default=None, gt=0, description="sessions that a worker was measured to serve; all alike if not given"
    )
    idle_timeout: Live[float] = Field(
        default=60.0, gt=0, description="seconds without a message of the client: closed 4408"
    )
    start_timeout: Live[float] = Field(
        default=600.0, gt=0, description="seconds of a connection without a session: closed 4408"
    )
    max_session: Live[float] = Field(
        default=14_400.0, gt=0, description="seconds of a session from START: finished, then closed 1008"
    )
    slow_reader_timeout: Live[float] = Field(
        default=30.0, gt=0, description="seconds of unread results: closed 1008"
    )
