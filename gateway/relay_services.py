"""What all sessions of a gateway share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from common.clock import Clock
from gateway.hold import Registry
from gateway.metrics import GatewayMetrics
from gateway.session_seams import Pool


@dataclass(frozen=True, slots=True)
class RelayServices:
    """`patience_s`: how long a session waits for a worker before it is given up; `eta_s`: when one should be
    back, if that is known."""

    pool: Pool
    registry: Registry
    metrics: GatewayMetrics
    clock: Clock
    patience_s: float
    eta_s: Callable[[], int | None]
