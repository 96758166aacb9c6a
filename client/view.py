"""What the server said, as records, and the transcript that follows from it. Pure: no socket, no clock.

Every message carries `seq`, 1, 2, 3 ... without a gap, and from 1 again after `stopped` and on a new
connection. A result repeats all locked sentences of the session, so a client may skip any result but the
last one.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from common.errors import BY_CODE
from common.events import EndpointReason
from common.text import join_texts


class ProtocolBroken(Exception):
    """The server said what no Voxshard server may say; the message tells what."""


class Sentence(msgspec.Struct, frozen=True):
    """Locked text; times in ms since START: speech from start to end, decided at endpoint."""

    id: int
    text: str
    start_ms: int = msgspec.field(name="start")
    end_ms: int = msgspec.field(name="end")
    endpoint_ms: int = msgspec.field(name="endpoint")
    reason: EndpointReason


class Started(msgspec.Struct, frozen=True):
    """resume_token: None from a server that resumes no sessions."""

    session_id: str
    worker: str
    seq: int
    resume_token: str | None = None
    resume_within_s: int = 0


class Resumed(msgspec.Struct, frozen=True):
    """The session goes on over this connection: the server has kept all that was said before sample `ack`."""

    session_id: str
    worker: str
    ack: int
    resume_token: str
    resume_within_s: int
    seq: int


class Acked(msgspec.Struct, frozen=True):
    """All audio before sample `ack` is settled."""

    ack: int
    seq: int


class Result(msgspec.Struct, frozen=True):
    """All locked sentences, and the provisional text of the speech since `partial_start_ms`.

    is_final: the result answers COMMIT or STOP; all that was said before is locked.
    ack: all audio before this sample is settled; 0 from a server that resumes no sessions.
    """

    sentences: tuple[Sentence, ...]
    partial: str
    partial_start_ms: int
    duration_ms: int
    is_final: bool
    session_id: str
    worker: str
    seq: int
    ack: int = 0


class Moved(msgspec.Struct, frozen=True):
    """Another worker has taken the session; nothing of the transcript changes."""

    worker: str
    seq: int


class ErrorEvent(msgspec.Struct, frozen=True):
    code: str
    message: str
    retryable: bool
    seq: int
    retry_after_s: float | None = None

    @property
    def ends_session(self) -> bool:
        """True if the table of errors gives the code a close code; an unknown code ends nothing by itself."""
        known = BY_CODE.get(self.code)
        return known is not None and known.close_code is not None


class Notice(msgspec.Struct, frozen=True):
    """Any other event, such as `hotwords_set`: it changes nothing in the transcript."""

    event: str
    seq: int


class Stopped(msgspec.Struct, frozen=True):
    seq: int


class Lost(msgspec.Struct, frozen=True, tag_field="event", tag="lost"):
    """Nobody's message: the connection was lost, and the client tries to resume the session. The transcript
    stays as it is. `code`, `message`: of the error that it would otherwise be."""

    code: str
    message: str


Message = Started | Resumed | Result | Acked | Moved | ErrorEvent | Notice | Stopped


class _Kind(msgspec.Struct, frozen=True):
    event: str | None = None


_RECORDS: Final[dict[str | None, type[Message]]] = {
    None: Result,
    "ack": Acked,
    "started": Started,
    "resumed": Resumed,
    "moved": Moved,
    "error": ErrorEvent,
    "stopped": Stopped,
}


def decode_message(text: str) -> Message:
    """One JSON text of the server. Raises `ProtocolBroken`; fields and events not known here are let pass."""
    try:
        event = msgspec.json.decode(text, type=_Kind).event
        return msgspec.json.decode(text, type=_RECORDS.get(event, Notice))
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProtocolBroken(f"a message cannot be read: {error}") from error


class TranscriptView(msgspec.Struct, frozen=True):
    """The transcript after message number `seq`, 0 after `stopped`; `worker` is the one that decodes now.

    A server that died before it had kept a sentence says it again after `resumed`: what was locked first
    stays.
    said_again: ids of those sentences. listed: how many the server has told on this connection, None until
    the first result behind `resumed`.
    """

    session_id: str = ""
    worker: str = ""
    sentences: tuple[Sentence, ...] = ()
    partial: str = ""
    partial_start_ms: int = 0
    duration_ms: int = 0
    is_final: bool = False
    seq: int = 0
    said_again: frozenset[int] = frozenset()
    listed: int | None = 0

    @property
    def transcript(self) -> str:
        """Text of all locked sentences."""
        return join_texts([sentence.text for sentence in self.sentences])

    def on_new_connection(self) -> TranscriptView:
        return replace(self, seq=0)

    def fold(self, message: Message) -> TranscriptView:
        """The view after `message`. Raises `ProtocolBroken` if that message may not come now."""
        if message.seq != self.seq + 1:
            raise ProtocolBroken(f"message {message.seq} came after message {self.seq}")
        match message:
            case Started(session_id, worker):
                return replace(self, session_id=session_id, worker=worker, seq=message.seq)
            case Resumed():
                return self._resumed(message)
            case Result():
                return self._with_result(message)
            case Moved(worker):
                return replace(self, worker=worker, seq=message.seq)
            # A session that got no audio has no result at all.
            case Stopped() if self.duration_ms and not self.is_final:
                raise ProtocolBroken("`stopped` came without a final result")
            case Stopped():
                return replace(self, seq=0)
        return replace(self, seq=message.seq)

    def _resumed(self, message: Resumed) -> TranscriptView:
        if message.session_id != self.session_id:
            raise ProtocolBroken(f"session {message.session_id} was resumed, not {self.session_id}")
        return replace(self, worker=message.worker, listed=None, seq=message.seq)

    def _with_result(self, result: Result) -> TranscriptView:
        count, known = len(result.sentences), len(self.sentences)
        said_again = self.said_again
        if self.listed is None:
            said_again |= frozenset(range(count, known))
        if count < (self.listed or 0) or not self._agrees(result.sentences, said_again):
            raise ProtocolBroken(f"message {result.seq} changed a locked sentence")
        caught_up = count >= known
        return TranscriptView(
            session_id=result.session_id,
            worker=result.worker,
            sentences=self.sentences + result.sentences[known:],
            # Until then it is of speech whose sentence is known.
            partial=result.partial if caught_up else "",
            partial_start_ms=result.partial_start_ms if caught_up else 0,
            duration_ms=max(self.duration_ms, result.duration_ms),
            is_final=result.is_final,
            seq=result.seq,
            said_again=said_again,
            listed=count,
        )

    def _agrees(self, listed: tuple[Sentence, ...], said_again: frozenset[int]) -> bool:
        common = min(len(listed), len(self.sentences))
        if listed[:common] == self.sentences[:common]:
            return True
        pairs = enumerate(zip(listed, self.sentences, strict=False))
        return all(number in said_again or one == other for number, (one, other) in pairs)


class Update(msgspec.Struct, frozen=True):
    """One message of the server, its JSON text as it came, and the transcript after it; or `Lost`, with a
    text of the same kind."""

    message: Message | Lost
    text: str
    view: TranscriptView
