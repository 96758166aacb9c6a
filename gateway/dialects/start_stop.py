"""FunASR's realtime protocol: text commands in, JSON results out that repeat every locked sentence.

docs/protocol.md section 2 is its specification. Beyond FunASR: ids, `seq`, `worker`, the endpoint and its
reason with every sentence, times of its words if asked for, and an error event for every mistake.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, assert_never

import msgspec

from common.audio import BYTES_PER_SAMPLE, samples_to_ms
from common.errors import BadJson, ContainerAudio, OddFrame, UnknownCommand, UnsupportedMessage
from common.events import (
    Acked,
    Audio,
    Command,
    Commit,
    Committed,
    Configure,
    Configured,
    Degraded,
    Event,
    Failed,
    KeepAlive,
    Moved,
    Partial,
    Resume,
    Resumed,
    SessionOptions,
    SpeechStarted,
    Start,
    Started,
    Stop,
    Stopped,
)
from common.events import Final as FinalEvent
from common.language import parse_language
from common.silence import parse_schedule
from common.text import join_texts
from gateway.dialects.acknowledged import Acknowledged
from gateway.dialects.locked import LockedSentences
from gateway.dialects.option_texts import (
    parse_hotwords,
    parse_replacements,
    parse_timestamps,
)
from gateway.dialects.start_stop_wire import (
    error_fields,
    grant_fields,
    option_fields,
    sentence,
)

_COMMANDS: Final[dict[str, Command]] = {
    "START": Start(),
    "STOP": Stop(),
    "COMMIT": Commit(),
    "KEEPALIVE": KeepAlive(),
}

_RESUME: Final = "RESUME"

# Command word to the option it sets, how its text is read, and the name of the reply.
_SETTERS: Final[dict[str, tuple[str, Callable[[str], Any], str]]] = {
    "HOTWORDS": ("hotwords", parse_hotwords, "hotwords_set"),
    "POSTPROCESS_HOTWORDS": ("replacements", parse_replacements, "postprocess_hotwords_set"),
    "LANGUAGE": ("language", parse_language, "language_set"),
    "SILENCE_SCHEDULE": ("silence_schedule", parse_schedule, "silence_schedule_set"),
    "TIMESTAMPS": ("timestamps", parse_timestamps, "timestamps_set"),
}

_FILE_MAGICS: Final = (
    b"OggS",
    b"fLaC",
    b"ID3\x03\x00",
    b"ID3\x04\x00",
    b"\x1aE\xdf\xa3",
    b"caff",
    b".snd",
    b"FORM",
)
"""How Ogg, FLAC, MP3 with tags, Matroska, CAF, AU and AIFF files begin; RIFF needs a closer look. At least
four bytes each: shorter ones would turn up in loud audio by chance."""


class StartStopDialect:
    name = "start_stop"

    def __init__(self, options: SessionOptions) -> None:
        self.options = options
        self._seq = 0
        self._session = ""
        self._worker = ""
        self._heard = 0
        self._ack = Acknowledged()
        self._sentences = LockedSentences()
        # Partials of segments not locked yet, oldest first: mostly one, two while a final is decoded.
        self._partials: dict[int, Partial] = {}

    # --- client to session ---------------------------------------------------------------------

    def parse_text(self, message: str) -> Command:
        text = message.strip()
        if text.startswith(("{", "[")):
            raise _json_refusal(text)
        command = _COMMANDS.get(text.upper())
        if command is not None:
            return command
        word, colon, value = text.partition(":")
        if colon and word.strip().upper() == _RESUME:
            return Resume(value.strip())
        setter = _SETTERS.get(word.strip().upper())
        if setter is None or not colon:
            raise UnknownCommand()
        field, parse, reply = setter
        self.options = msgspec.structs.replace(self.options, **{field: parse(value)})
        return Configure(self.options, reply)

    def parse_binary(self, frame: bytes) -> Command:
        if _is_file_header(frame):
            raise ContainerAudio()
        if len(frame) % BYTES_PER_SAMPLE:
            raise OddFrame()
        return Audio(frame)

    # --- session to client ---------------------------------------------------------------------

    def render(self, event: Event) -> list[bytes]:
        match event:
            case SpeechStarted():
                return []
            case Started() | Configured() | Degraded() | Moved() | Failed():
                return [self._reply(event)]
            case Resumed():
                return self._resumed(event)
            case Acked(position):
                return self._acked(position)
            case Partial() | FinalEvent() | Committed() | Stopped():
                return self._results(event)
            case _:
                assert_never(event)

    def _reply(self, event: Started | Configured | Degraded | Moved | Failed) -> bytes:
        match event:
            case Started(session, worker, grant):
                self._begin(session, worker)
                return self._event("started", **grant_fields(grant))
            case Configured(options, changed):
                return self._event(changed, **option_fields(options, changed))
            case Degraded(keeps_s, eta_s):
                return self._event("degraded", keeps_s=keeps_s, **({} if eta_s is None else {"eta_s": eta_s}))
            case Moved(worker):
                self._worker = worker
                return self._event("moved")
            case Failed():
                return self._event("error", **error_fields(event))

    def _results(self, event: Partial | FinalEvent | Committed | Stopped) -> list[bytes]:
        match event:
            case Partial():
                self._partials[event.segment] = event
                return [self._result(event.heard)]
            case FinalEvent():
                return self._final(event)
            case Committed(heard):
                return [self._result(heard, is_final=True)]
            case Stopped(heard):
                return self._stopped(heard)

    def _begin(self, session: str, worker: str) -> None:
        self._session, self._worker = session, worker
        self._heard = 0
        self._ack = Acknowledged()
        self._sentences = LockedSentences()
        self._partials = {}

    def _resumed(self, resumed: Resumed) -> list[bytes]:
        """All that was said so far is said once more, unless that is just what follows."""
        self._begin(resumed.session, resumed.worker)
        self._ack.reached(resumed.ack)
        for final in resumed.finals:
            self._lock(final)
        message = self._event("resumed", ack=resumed.ack, **grant_fields(resumed.grant))
        if resumed.heard is not None:
            return [message]
        newest = resumed.finals[-1].endpoint if resumed.finals else 0
        return [message, self._result(max(newest, resumed.ack))]

    def _acked(self, position: int) -> list[bytes]:
        self._ack.reached(position)
        return [self._event("ack", ack=self._ack.told())] if self._ack.is_overdue else []

    def _final(self, final: FinalEvent) -> list[bytes]:
        shown = self._partials.pop(final.segment, None)
        if final.text:
            self._lock(final)
        elif shown is None or not shown.text:
            return []
        return [self._result(final.endpoint)]

    def _lock(self, final: FinalEvent) -> None:
        self._sentences.append(sentence(len(self._sentences), final))

    def _stopped(self, heard: int) -> list[bytes]:
        # A session that got no audio at all has no result, only its end.
        messages = [self._result(heard, is_final=True)] if heard else []
        messages.append(self._event("stopped"))
        self._seq = 0
        self._session = self._worker = ""
        return messages

    def _result(self, heard: int, *, is_final: bool = False) -> bytes:
        # A final may come after a partial that has heard more; the duration never goes back.
        self._heard = max(self._heard, heard)
        partials = [] if is_final else self._shown_partials()
        return self._encode(
            {
                "sentences": self._sentences.json,
                "partial": join_texts([partial.text for partial in partials]),
                "partial_start_ms": samples_to_ms(partials[0].start) if partials else 0,
                "duration_ms": samples_to_ms(self._heard),
                "is_final": is_final,
                "ack": self._ack.told(),
            }
        )

    def _shown_partials(self) -> list[Partial]:
        """Those with text; after a cut, not what has heard no more than the segment that was cut."""
        shown: list[Partial] = []
        for partial in self._partials.values():
            if partial.text and (not shown or partial.heard > shown[-1].heard):
                shown.append(partial)
        return shown

    def _event(self, name: str, **fields: Any) -> bytes:
        return self._encode({"event": name, **fields})

    def _encode(self, message: dict[str, Any]) -> bytes:
        self._seq += 1
        if self._session:
            message |= {"session_id": self._session, "worker": self._worker}
        return msgspec.json.encode(message | {"seq": self._seq})


def _is_file_header(frame: bytes) -> bool:
    return (frame[:4] == b"RIFF" and frame[8:12] == b"WAVE") or frame.startswith(_FILE_MAGICS)


def _json_refusal(text: str) -> BadJson | UnsupportedMessage:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return BadJson()
    return UnsupportedMessage()
