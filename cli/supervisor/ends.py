"""Which processes run and how the others ended, for those who lost one of them."""

from __future__ import annotations

import secrets
import signal
from dataclasses import dataclass
from typing import Final

from cli.supervisor.policy import describe_exit
from common.ends import ChildEnd, Ends

# Whoever asks does so within seconds; so many children do not die in them.
_KEPT: Final = 256
# A child ends with 0 only when it is told to. The kernel, when it needs memory, is somebody from outside too.
_FROM_OUTSIDE: Final = frozenset({0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT})


@dataclass(frozen=True, slots=True)
class Exit:
    """`code`: a negative one is a signal's number; None if it never ran, or was given up before it was ready.
    `how` completes "worker-0 ...". `by_itself`: nobody from outside made it end."""

    code: int | None
    how: str
    by_itself: bool = True


class EndBook:
    """Its view may be asked for on any thread: records are exchanged as a whole."""

    def __init__(self) -> None:
        self.view = Ends()

    def begins(self) -> str:
        """The incarnation of a process that is about to be started."""
        incarnation = secrets.token_hex(8)
        self.view = Ends((*self.view.running, incarnation), self.view.ended)
        return incarnation

    def ended(self, incarnation: str, end: Exit | None, fault: str = "") -> None:
        """Like this; None if nobody knows. `fault`: see `ChildEnd`. The first word counts."""
        if incarnation not in self.view.running:
            return
        running = tuple(other for other in self.view.running if other != incarnation)
        ended = self.view.ended
        if end is not None and end.code is not None:
            ended = (*ended, ChildEnd(incarnation, end.how, end.by_itself, fault))[-_KEPT:]
        self.view = Ends(running, ended)


def exited(code: int) -> Exit:
    return Exit(code, describe_exit(code), ended_by_itself(code))


def hung(code: int, limit_s: float) -> Exit:
    """The supervisor has killed it, but since it hangs: what it had in hand may be the cause."""
    return Exit(code, f"hung: it said nothing for {limit_s:g} s")


def ended_by_itself(code: int) -> bool:
    """Whether nobody from outside made it end; a negative code is a signal's number."""
    return code not in _FROM_OUTSIDE
