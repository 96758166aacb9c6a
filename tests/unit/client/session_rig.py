"""A session and a server that says what a test tells it to; no socket between them."""

from __future__ import annotations

import json
from typing import Any

from client.failures import connection_closed
from client.retry import Retry
from client.session import Session
from tests.support.clock import ManualClock
from tests.unit.client.scripted_server import sentence

LOST = connection_closed(1006, "")
TICKET = {"resume_token": "t1", "resume_within_s": 120}
MS = 16
"""Samples."""


class Rig:
    """A session and a server that numbers its messages."""

    def __init__(self, *, resume: bool = True) -> None:
        self.session = Session(["LANGUAGE:en", "START"], Retry(ManualClock(), lambda: 0.0), resume=resume)
        self.seq = 0

    def hears(self, **fields: Any) -> None:
        self.seq += 1
        self.session.hear(json.dumps({"session_id": "s1", "worker": "w0", **fields, "seq": self.seq}))

    def asks(self) -> list[str]:
        self.seq = 0
        return list(self.session.ask())

    def started(self, **ticket: Any) -> None:
        self.hears(event="started", **ticket)

    def resumed(self, ack: int = 0, token: str = "t2") -> None:
        self.hears(event="resumed", ack=ack, resume_token=token, resume_within_s=60)

    def result(self, *texts: str, final: bool = False, ack: int = 0, ms: int = 0) -> None:
        sentences = [sentence(number, text) for number, text in enumerate(texts)]
        fields = {"sentences": sentences, "partial": "", "partial_start_ms": 0, "duration_ms": ms}
        self.hears(**fields, is_final=final, ack=ack)

    def error(self, code: str, *, retryable: bool = True, **more: Any) -> None:
        self.hears(event="error", code=code, message="why", retryable=retryable, **more)

    def says(self, *messages: bytes | str) -> list[bytes | str]:
        """What the server is told of it now."""
        for message in messages:
            self.session.replay.add(message)
        told = []
        while (message_ := self.session.next()) is not None:
            told.append(message_)
        return told

    @property
    def failure(self) -> str | None:
        return None if self.session.failure is None else self.session.failure.code


def live() -> Rig:
    rig = Rig()
    rig.asks()
    rig.started(**TICKET)
    return rig
