"""What a client sent and heard in one session, as records. The checks are in `laws`."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tests.chaos.script import FRAME_MS, Script


# A long run keeps millions of these records. None can be part of a cycle, so the collector is spared them
# (`gc`): while it goes through all of them, all clients stand still.
class Sentence(msgspec.Struct, frozen=True, gc=False):
    """Locked text; times are milliseconds from START."""

    id: int
    text: str
    start: int
    end: int
    endpoint: int
    reason: str


LOST: Final = "lost"
"""Event of a client that has lost its connection; no message of the server, and without a number."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """Any message of the server: an event, or a result (`event` is None). Or `LOST`, by the client."""

    seq: int = 0
    event: str | None = None
    session_id: str | None = None
    worker: str | None = None
    code: str | None = None
    retry_after_s: float | None = None
    sentences: tuple[Sentence, ...] = ()
    partial: str = ""
    partial_start_ms: int = 0
    duration_ms: int = 0
    is_final: bool = False
    ack: int | None = None


class Received(msgspec.Struct, frozen=True, gc=False):
    """`at`: monotonic seconds."""

    at: float
    message: Message


@dataclass(frozen=True, slots=True)
class History:
    """`sent_at`: when each frame of the script was on its way, monotonic seconds; shorter than the script
    if the session ended before it. `close_code`: the server's, None if the client closed first, 1006 if
    nobody said why. `asked_at`: when START was on its way, monotonic seconds. `transcript`: the texts that
    the client itself ended with, `failure`: its error, if it is one that keeps them.
    """

    script: Script
    # Too long to be shown: every result repeats all sentences.
    sent_at: array[float] = field(repr=False)
    received: tuple[Received, ...] = field(repr=False)
    close_code: int | None = None
    asked_at: float = 0.0
    transcript: tuple[str, ...] | None = field(default=None, repr=False)
    failure: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(received.message for received in self.received)

    @property
    def results(self) -> tuple[Message, ...]:
        return tuple(message for message in self.messages if message.event is None)

    @property
    def locked(self) -> tuple[Sentence, ...]:
        """All sentences, as the last result tells them."""
        results = self.results
        return results[-1].sentences if results else ()

    @property
    def stopped(self) -> bool:
        return any(message.event == "stopped" for message in self.messages)

    @property
    def heard_ms(self) -> int:
        """How much audio was sent."""
        return len(self.sent_at) * FRAME_MS

    def events(self, name: str) -> tuple[Received, ...]:
        return tuple(received for received in self.received if received.message.event == name)
