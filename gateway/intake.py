"""What comes in from one client, beside the session's own state: held messages, stray frames, names."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from common.events import SessionOptions
from common.ids import checked_session_id, following_session_id, new_session_id
from common.silence import parse_schedule
from gateway.websocket import Request


@dataclass(slots=True)
class Intake:
    """Messages that came while nobody could take them."""

    _held: deque[str | bytes] = field(default_factory=deque)
    _strayed: bool = False

    def hold(self, message: str | bytes) -> None:
        """Keep a message for later. Bounded: the socket is not read while a session opens or finishes."""
        self._held.append(message)

    def release(self) -> list[str | bytes]:
        held = list(self._held)
        self._held.clear()
        return held

    def session_begins(self) -> None:
        self._strayed = False

    def first_stray_frame(self) -> bool:
        """True for the first frame outside a session since the last session began."""
        first, self._strayed = not self._strayed, True
        return first


class SessionNames:
    """Ids of the sessions of one connection: ID, ID-2, ID-3."""

    def __init__(self, base: str | None = None) -> None:
        self._base = base or new_session_id()
        self._number = 1

    @property
    def next_id(self) -> str:
        return following_session_id(self._base, self._number)

    def taken(self) -> None:
        self._number += 1


def requested_id(request: Request) -> str | None:
    """The session id that the client asks for, if any. Raises `BadSessionId`."""
    text = request.query.get("session_id", request.header("x-session-id"))
    return None if text is None else checked_session_id(text)


def requested_options(request: Request, options: SessionOptions) -> SessionOptions:
    """The options with what the address of the connection changes. Raises `BadSilenceSchedule`."""
    schedule = request.query.get("silence_schedule")
    if schedule is None:
        return options
    return msgspec.structs.replace(options, silence_schedule=parse_schedule(schedule))
