"""The watchdog of sd_notify(3), both ways: over children, and for systemd over the supervisor itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from math import ceil, inf
from typing import Final

from common.loop_health import LoopHealth
from common.pulse import Pulse

_LOOK_S: Final = 1.0
_TURN_S: Final = 0.25


async def wait_hung(has_spoken: Callable[[], bool], limit_s: float) -> None:
    """Until a child has said nothing for `limit_s`, counted in looks. `has_spoken`: since this asked last."""
    pulse = Pulse(ceil(limit_s / _LOOK_S))
    while True:
        await asyncio.sleep(_LOOK_S)
        if has_spoken():
            pulse.heard()
        if pulse.is_silent():
            return


def told_every_s(environ: Mapping[str, str], pid: int) -> float:
    """Half of the time that systemd lets process `pid` be silent; for ever if it does not listen."""
    if not environ.get("WATCHDOG_USEC") or environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return inf
    return int(environ["WATCHDOG_USEC"]) / 2_000_000


async def keep_turning(health: LoopHealth) -> None:
    """Until cancelled."""
    while True:
        health.turned()
        await asyncio.sleep(_TURN_S)
