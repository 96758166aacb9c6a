"""Bytes of one connection on their way to the parser: in pieces, and no faster than its share of the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from gateway.connection import Limits
from gateway.loop_share import LoopShare
from gateway.ws_turns import Turns

# A frame of 100 ms. Of the smallest messages some hundred, which is some milliseconds.
_PIECE_BYTES: Final = 4_096


class Inflow:
    """While something waits here the socket is not read; nor while the owner wants it paused.

    Who takes little of the loop is served at once, all others in turns. What was read already is taken also
    while the owner wants a pause. Computing is measured in time of this thread: a machine that is busy with
    other processes makes no connection wait.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        take: Callable[[bytes], None],
        limits: Limits,
        turns: Turns,
        slowed: Callable[[float], None],
    ) -> None:
        """`slowed` is told for how long the connection has to wait for its share."""
        self._transport = transport
        self._take = take
        self._turns = turns
        self._slowed = slowed
        self._loop = asyncio.get_running_loop()
        self._share = LoopShare(limits.loop_share, limits.loop_burst_s, self._loop.time())
        self._waiting = bytearray()
        # From when it asks for a turn until nothing waits.
        self._is_behind = False
        self._nap: asyncio.TimerHandle | None = None
        self._paused = False
        self._ended = False

    def received(self, data: bytes) -> None:
        self._waiting += data
        if self._is_behind:
            return
        if not self._share.is_ample(self._loop.time()):
            self._ask_for_turn()
        elif wait_s := self._take_piece():
            self._sleep(wait_s)
        elif self._waiting:
            self._ask_for_turn()

    def pause(self) -> None:
        self._paused = True
        self._set_reading()

    def resume(self) -> None:
        self._paused = False
        self._set_reading()

    def end(self) -> None:
        """The connection is lost, and with it what waits. Lets go of who took it: all of it is free now."""
        self._ended = True
        self._take = _nowhere
        self._waiting.clear()
        if self._nap is not None:
            self._nap.cancel()

    def _ask_for_turn(self) -> None:
        self._fall_behind()
        self._turns.ask(self._turn)

    def _turn(self) -> None:
        if self._ended:
            return
        if self._waiting and (wait_s := self._take_piece()):
            self._sleep(wait_s)
        elif self._waiting:
            self._turns.ask(self._turn)
        else:
            self._is_behind = False
            self._set_reading()

    def _take_piece(self) -> float:
        """How long it has to wait for the next one, mostly 0."""
        piece = bytes(self._waiting[:_PIECE_BYTES])
        del self._waiting[:_PIECE_BYTES]
        began = time.thread_time()
        self._take(piece)
        return self._share.spent(time.thread_time() - began, self._loop.time())

    def _sleep(self, wait_s: float) -> None:
        self._slowed(wait_s)
        self._fall_behind()
        self._nap = self._loop.call_later(wait_s, self._ask_for_turn)

    def _fall_behind(self) -> None:
        self._is_behind = True
        self._set_reading()

    def _set_reading(self) -> None:
        if self._paused or self._is_behind:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


def _nowhere(data: bytes) -> None:
    pass
