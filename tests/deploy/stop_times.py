"""How long an instance may take to end, by its own rules."""

from __future__ import annotations

import signal

from cli.supervisor.plan import stop_orders
from common.settings import Settings


def longest_stop_s(settings: Settings) -> float:
    """From SIGTERM to the end: gateways first, then workers."""
    counts = {"gateway": settings.gateways, "worker": settings.workers}
    orders = stop_orders(settings, signal.SIGTERM)
    return sum(order.grace_s for role, order in orders.items() if counts[role.value])
