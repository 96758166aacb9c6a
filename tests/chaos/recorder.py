"""A paced client that writes down all it sends and hears, and judges nothing."""

from __future__ import annotations

import asyncio
import time
from array import array
from dataclasses import dataclass, field
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.chaos.history import History, Received
from tests.chaos.repeated import Repeated
from tests.chaos.script import FRAME_MS, Script

NO_CLOSE_FRAME: Final = 1006
# With all workers down, several restarts of one with its longest pause of 5 s in between.
_ANSWER_WITHIN_S: Final = 90.0


@dataclass(slots=True)
class Notes:
    """What becomes a history."""

    sent_at: array[float] = field(default_factory=lambda: array("d"))
    received: list[Received] = field(default_factory=list)
    repeated: Repeated = field(default_factory=Repeated)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    close_code: int | None = None
    asked_at: float = 0.0

    def take(self, text: bytes) -> bool:
        """Whether the session goes on."""
        message = self.repeated.decode(text)
        self.received.append(Received(time.monotonic(), message))
        if message.event == "started":
            self.answered.set()
        return message.event != "stopped"


async def record(url: str, script: Script) -> History:
    """One session from START to its end, in real time. One that is not answered has no outcome."""
    notes = Notes()
    async with connect(url, max_queue=None, ping_timeout=None, proxy=None) as connection:
        hearing = asyncio.create_task(_hear(connection, notes), name=f"hear-{script.number}")
        try:
            notes.asked_at = time.monotonic()
            await connection.send("START")
            await asyncio.wait_for(notes.answered.wait(), _ANSWER_WITHIN_S)
            await _speak(connection, script, notes)
            await asyncio.wait_for(asyncio.shield(hearing), _ANSWER_WITHIN_S)
        except ConnectionClosed:
            # The reader has the reason.
            await hearing
        except TimeoutError:
            # Nothing to be written down: that is what the history shows.
            pass
        finally:
            hearing.cancel()
    return History(script, notes.sent_at, tuple(notes.received), notes.close_code, notes.asked_at)


async def _hear(connection: ClientConnection, notes: Notes) -> None:
    try:
        while notes.take(await connection.recv(decode=False)):
            pass
    except ConnectionClosed as closed:
        notes.close_code = closed.rcvd.code if closed.rcvd is not None else NO_CLOSE_FRAME
        notes.answered.set()


async def _speak(connection: ClientConnection, script: Script, notes: Notes) -> None:
    """A client that was held up sends what it has at once, as a microphone's buffer would."""
    began = time.monotonic()
    for number, (frame, commits) in enumerate(script.frames(), start=1):
        await asyncio.sleep(began + number * FRAME_MS / 1000 - time.monotonic())
        await connection.send(frame)
        notes.sent_at.append(time.monotonic())
        if commits:
            await connection.send("COMMIT")
    await connection.send("STOP")
