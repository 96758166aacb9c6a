"""Bytes of one connection on their way to the parser: in pieces, and no faster than its share of the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from gateway.connection import Limits
from gateway.loop_share import LoopShare

# A frame of 100 ms. Of the smallest messages some hundred, which is some milliseconds.
_PIECE_BYTES: Final = 4_096
# Then it is the others' turn.
_TURN_S: Final = 0.002


class Inflow:
    """While something waits here the socket is not read; nor while the owner wants it paused.

    What was read already is taken also then. Computing is measured in time of this thread: a machine that is
    busy with other processes makes no connection wait.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        take: Callable[[bytes], None],
        limits: Limits,
        slowed: Callable[[float], None],
    ) -> None:
        """`slowed` is told for how long the connection has to wait."""
        self._transport = transport
        self._take = take
        self._slowed = slowed
        self._loop = asyncio.get_running_loop()
        self._share = LoopShare(limits.loop_share, limits.loop_burst_s, self._loop.time())
        self._waiting = bytearray()
        self._next: asyncio.Handle | None = None
        self._paused = False

    def received(self, data: bytes) -> None:
        self._waiting += data
        if self._next is None:
            self._work()

    def pause(self) -> None:
        self._paused = True
        self._set_reading()

    def resume(self) -> None:
        self._paused = False
        self._set_reading()

    def end(self) -> None:
        """The connection is lost, and with it what waits."""
        self._waiting.clear()
        if self._next is not None:
            self._next.cancel()

    def _work(self) -> None:
        self._next = None
        began = time.thread_time()
        spent_s = 0.0
        while self._waiting and spent_s < _TURN_S:
            piece = bytes(self._waiting[:_PIECE_BYTES])
            del self._waiting[:_PIECE_BYTES]
            self._take(piece)
            spent_s = time.thread_time() - began
        wait_s = self._share.spent(spent_s, self._loop.time())
        if wait_s or self._waiting:
            self._go_on_in(wait_s)

    def _go_on_in(self, wait_s: float) -> None:
        if wait_s:
            self._slowed(wait_s)
        self._next = self._loop.call_later(wait_s, self._caught_up)
        self._set_reading()

    def _caught_up(self) -> None:
        self._work()
        self._set_reading()

    def _set_reading(self) -> None:
        if self._paused or self._next is not None:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
