"""What clients ask for and what sessions answer: frozen records, the same for every dialect.

Positions are absolute samples from START. `Partial` may be replaced by a newer one; a `Final` is
sent exactly once and never changes. No record can be part of a cycle, so the garbage collector is spared
them (`gc`): a long session has hundreds.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from common.checkpoint import Checkpoint
from common.error_base import VoxshardError


class EndpointReason(StrEnum):
    SILENCE = "silence"
    MAX_LENGTH = "max_length"
    COMMIT = "commit"
    STOP = "stop"


class ScheduleStep(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Up to an age of `max_age_ms` a segment ends after `silence_ms` of silence; None means for ever."""

    max_age_ms: int | None
    silence_ms: int


class SessionOptions(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a client may set; it stays in force over the sessions of one connection."""

    language: str | None = None
    hotwords: tuple[str, ...] = ()
    replacements: tuple[tuple[str, str], ...] = ()
    silence_schedule: tuple[ScheduleStep, ...] = ()
    timestamps: bool = False


# --- commands: client -> session -------------------------------------------------------------


class Start(msgspec.Struct, frozen=True, gc=False):
    """Begin a session on this connection."""


class Resume(msgspec.Struct, frozen=True, gc=False):
    """Go on with a session whose connection was lost; `token` shows that it is the client's."""

    token: str


class Configure(msgspec.Struct, frozen=True, gc=False):
    """Change options, before START or while the session runs; `changed` names the one set."""

    options: SessionOptions
    changed: str


class Audio(msgspec.Struct, frozen=True, gc=False):
    """One frame of PCM16 16 kHz mono, an even number of bytes."""

    pcm: bytes


class Commit(msgspec.Struct, frozen=True, gc=False):
    """End the open segment here and lock it; the session goes on."""


class KeepAlive(msgspec.Struct, frozen=True, gc=False):
    """The client is there although it sends no audio."""


class Stop(msgspec.Struct, frozen=True, gc=False):
    """Finish: everything said so far is locked, then the session ends."""


Command = Start | Resume | Configure | Audio | Commit | KeepAlive | Stop

# --- events: session -> client ---------------------------------------------------------------


class ResumeGrant(msgspec.Struct, frozen=True, gc=False):
    """With `token` a session can be resumed until `within_s` seconds after its connection was lost."""

    token: str
    within_s: int


class Started(msgspec.Struct, frozen=True, gc=False):
    session: str
    worker: str
    grant: ResumeGrant


class Configured(msgspec.Struct, frozen=True, gc=False):
    options: SessionOptions
    changed: str


class Degraded(msgspec.Struct, frozen=True, gc=False):
    """No worker can take the session at the moment. Its audio is kept, and nothing is lost for `keeps_s`.
    `eta_s`: when one should be back, in seconds, if that is known."""

    keeps_s: int
    eta_s: int | None = None


class Moved(msgspec.Struct, frozen=True, gc=False):
    """Another worker has taken the session, and goes on where nothing was locked yet."""

    worker: str


class SpeechStarted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    segment: int
    start: int


class Acked(msgspec.Struct, frozen=True, gc=False):
    """All before the sample `position` is settled, and what was said of it is kept: nobody need keep audio
    from before it."""

    position: int


class Partial(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Provisional text of the open segment, heard from `start` to `heard`."""

    segment: int
    revision: int
    text: str
    start: int
    heard: int


class Word(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A word of locked text and when it was said, `end` exclusive."""

    text: str
    start: int
    end: int


class Final(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Locked text of a closed segment: speech from `start` to `end`, decided at `endpoint`.

    `words` is empty unless the client asked for times and all of the text could be timed.
    """

    segment: int
    text: str
    start: int
    end: int
    endpoint: int
    reason: EndpointReason
    words: tuple[Word, ...] = ()


class Resumed(msgspec.Struct, frozen=True, gc=False):
    """The session goes on over this connection, with audio from the sample `ack` on.

    `finals`: those with words, all that were locked so far. `heard`: its length if it had ended already.
    """

    session: str
    worker: str
    grant: ResumeGrant
    ack: int
    finals: tuple[Final, ...]
    heard: int | None = None


class Committed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that was said before a COMMIT has been sent."""

    heard: int


class Stopped(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that was said has been sent; `heard` is the length of the session in samples."""

    heard: int


class Failed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An error from `common.errors.TABLE`; `text` is the sentence for the client."""

    code: str
    text: str
    retry_after_s: float | None = None


def failure(error: VoxshardError) -> Failed:
    """What is said of an error."""
    return Failed(error.code, error.text, error.retry_after_s)


Event = (
    Started
    | Resumed
    | Configured
    | Degraded
    | Moved
    | SpeechStarted
    | Partial
    | Final
    | Acked
    | Committed
    | Stopped
    | Failed
)


class Settled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Worker to gateway: nothing before the checkpoint's audio is needed any more."""

    checkpoint: Checkpoint
