"""What all live connections of a gateway share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.clock import Clock
from common.events import SessionOptions
from gateway.limits_watch import TimeLimits
from gateway.live_sessions import LiveSessions
from gateway.metrics import GatewayMetrics
from gateway.relay_services import RelayServices
from gateway.resume_tokens import ResumeTokens

if TYPE_CHECKING:
    from common.otlp import Tracing


@dataclass(frozen=True, slots=True)
class LiveServices:
    """`options` are in force for a client that sets none."""

    relay: RelayServices
    sessions: LiveSessions
    metrics: GatewayMetrics
    clock: Clock
    tokens: ResumeTokens
    options: SessionOptions
    limits: TimeLimits
    slow_reader_timeout_s: float
    tracing: Tracing | None = None
