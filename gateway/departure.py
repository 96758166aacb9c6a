"""How a gateway that is to end sends its clients away: one after another, each when nothing is half said.

What they resume elsewhere has then to be heard by nobody again, and the other gateways are not overrun.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from math import ceil
from typing import Final

from gateway.boundary import tell
from gateway.live_sessions import LiveSessions
from gateway.metrics import GatewayMetrics
from gateway.session_seams import LiveClient

_LOOK_EVERY_S: Final = 0.1
# Of those that were there in the beginning.
_SHARE_A_SECOND: Final = 0.1
# For close frames to leave; nobody waits for clients that do not answer.
CLOSE_FRAMES_S: Final = 0.5


class Departure:
    def __init__(self, sessions: LiveSessions, metrics: GatewayMetrics, rng: random.Random) -> None:
        self._sessions = sessions
        self._metrics = metrics
        self._rng = rng
        # Told to leave, though perhaps still there for the closing handshake.
        self._sent: set[LiveClient] = set()

    async def drain(self, patience_s: float) -> None:
        """For so long clients leave at rest, a tenth of them in a second at most."""
        at_once = ceil(len(self._staying()) * _SHARE_A_SECOND * _LOOK_EVERY_S)
        await self._leave_at_rest(patience_s, at_once)

    async def hurry(self, grace_s: float) -> None:
        """What is half said is locked, and whoever is not at rest after `grace_s` leaves as it is."""
        for connection in self._staying():
            tell(connection, connection.come_to_rest)
        await self._leave_at_rest(grace_s, at_once=None)
        for connection in self._staying():
            self._send(connection, "forced")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_FRAMES_S):
                await self._sessions.gone()

    async def _leave_at_rest(self, for_s: float, at_once: int | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                while staying := self._staying():
                    self._rng.shuffle(staying)
                    self._send_away(staying, at_once)
                    await asyncio.sleep(_LOOK_EVERY_S)

    def _send_away(self, staying: list[LiveClient], most: int | None) -> None:
        room = len(staying) if most is None else most
        for connection in [connection for connection in staying if connection.at_rest][:room]:
            self._send(connection, "at_rest")

    def _send(self, connection: LiveClient, how: str) -> None:
        self._sent.add(connection)
        self._metrics.departed(how)
        tell(connection, connection.leave)

    def _staying(self) -> list[LiveClient]:
        return [connection for connection in self._sessions.connections() if connection not in self._sent]
