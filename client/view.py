"""What the server said, as records, and the transcript that follows from it. Pure: no socket, no clock.

Every message carries `seq`, 1, 2, 3 ... without a gap, and from 1 again after `stopped`. A result repeats all
locked sentences of the session, so a client may skip any result but the last one.
"""

from __future__ import annotations

from typing import Final

import msgspec

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
    session_id: str
    worker: str
    seq: int


class Result(msgspec.Struct, frozen=True):
    """All locked sentences, and the provisional text of the speech since `partial_start_ms`.

    is_final: the result answers COMMIT or STOP; all that was said before is locked.
    """

    sentences: tuple[Sentence, ...]
    partial: str
    partial_start_ms: int
    duration_ms: int
    is_final: bool
    session_id: str
    worker: str
    seq: int


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


Message = Started | Result | Moved | ErrorEvent | Notice | Stopped


class _Kind(msgspec.Struct, frozen=True):
    event: str | None = None


_RECORDS: Final[dict[str | None, type[Message]]] = {
    None: Result,
    "started": Started,
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
    """The transcript after message number `seq`, 0 after `stopped`; `worker` is the one that decodes now."""

    session_id: str = ""
    worker: str = ""
    sentences: tuple[Sentence, ...] = ()
    partial: str = ""
    partial_start_ms: int = 0
    duration_ms: int = 0
    is_final: bool = False
    seq: int = 0

    @property
    def transcript(self) -> str:
        """Text of all locked sentences."""
        return join_texts([sentence.text for sentence in self.sentences])

    def fold(self, message: Message) -> TranscriptView:
        """The view after `message`. Raises `ProtocolBroken` if that message may not come now."""
        if message.seq != self.seq + 1:
            raise ProtocolBroken(f"message {message.seq} came after message {self.seq}")
        match message:
            case Started(session_id, worker):
                return msgspec.structs.replace(self, session_id=session_id, worker=worker, seq=message.seq)
            case Result():
                return self._with_result(message)
            case Moved(worker):
                return msgspec.structs.replace(self, worker=worker, seq=message.seq)
            # A session that got no audio has no result at all.
            case Stopped() if self.duration_ms and not self.is_final:
                raise ProtocolBroken("`stopped` came without a final result")
            case Stopped():
                return msgspec.structs.replace(self, seq=0)
        return msgspec.structs.replace(self, seq=message.seq)

    def _with_result(self, result: Result) -> TranscriptView:
        if result.sentences[: len(self.sentences)] != self.sentences:
            raise ProtocolBroken(f"message {result.seq} changed a locked sentence")
        return TranscriptView(**msgspec.structs.asdict(result))
