"""What crosses the pipe between the measurement and its client processes: plans in, traces out.

Times of a trace are seconds from the moment its session was started, which is where its audio begins.
"""

from __future__ import annotations

import msgspec

from bench.live_material import MaterialKind


class StreamPlan(msgspec.Struct, frozen=True):
    """One stream: `delay_s` after the common start it connects and says the loop from sample `offset` on."""

    number: int
    url: str
    delay_s: float
    offset: int


class Job(msgspec.Struct, frozen=True):
    """The streams of one client process; all is over `deadline_s` after the common start. `resume`: streams
    outlive their connection."""

    streams: tuple[StreamPlan, ...]
    material: MaterialKind
    seconds: float
    deadline_s: float
    resume: bool = False


class Partial(msgspec.Struct, frozen=True, array_like=True):
    """A result with provisional text, or with newly locked text only, about the audio up to `covers_s`."""

    at_s: float
    covers_s: float
    provisional: bool


class Locked(msgspec.Struct, frozen=True, array_like=True):
    """A sentence when it was first seen; servers without endpoints leave them and the reason out."""

    at_s: float
    start_s: float
    end_s: float
    endpoint_s: float | None
    reason: str | None
    characters: int


class Ending(msgspec.Struct, frozen=True):
    """How a stream ended.

    stop_s:    STOP was due, right behind the last frame; None: the stream ended before.
    final_s:   the last result after STOP came, or `stopped` if there was none.
    ended_s:   nothing was waited for any more.
    error:     code of what ended the stream early.
    waiting:   ... which was the deadline, so that `ended_s` is a lower bound of `final_s`.
    """

    ended_s: float
    stop_s: float | None = None
    final_s: float | None = None
    error: str | None = None
    waiting: bool = False


class StreamTrace(msgspec.Struct, frozen=True):
    """changed: results that changed text that was locked; skipped: messages missing by their numbers.

    opened_s:  from connecting to `started`; None: it never came.
    resumed_s: of each time that it went on over another connection, how long after the loss.
    """

    plan: StreamPlan
    worker: str
    partials: tuple[Partial, ...]
    locked: tuple[Locked, ...]
    ending: Ending
    changed: int = 0
    skipped: int = 0
    opened_s: float | None = None
    resumed_s: tuple[float, ...] = ()


class Lateness(msgspec.Struct, frozen=True):
    """The client's own fault, milliseconds: frames sent after they were due, and its loop's late wake-ups.

    held_s: longest time that one frame waited because the server did not read; no fault of the client.
    """

    frames: int
    send_p99_ms: float
    send_max_ms: float
    wake_p99_ms: float
    wake_max_ms: float
    held_s: float


class ClientReport(msgspec.Struct, frozen=True):
    traces: tuple[StreamTrace, ...]
    lateness: Lateness
