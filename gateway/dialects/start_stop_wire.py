"""The parts of START/STOP's messages: records of events as fields of JSON. docs/protocol.md section 2."""

from __future__ import annotations

from typing import Any

import msgspec

from common.audio import samples_to_ms
from common.errors import BY_CODE
from common.events import Failed, ResumeGrant, SessionOptions, Word
from common.events import Final as FinalEvent


class SentenceWord(msgspec.Struct, frozen=True):
    """A word of a sentence on the wire; times in milliseconds from START."""

    text: str
    start: int
    end: int


class Sentence(msgspec.Struct, frozen=True):
    """A locked sentence on the wire; times in milliseconds from START. No `words` if they have no times."""

    id: int
    text: str
    start: int
    end: int
    endpoint: int
    reason: str
    words: tuple[SentenceWord, ...] | msgspec.UnsetType = msgspec.UNSET


def grant_fields(grant: ResumeGrant) -> dict[str, Any]:
    return {"resume_token": grant.token, "resume_within_s": grant.within_s}


def sentence(number: int, final: FinalEvent) -> Sentence:
    return Sentence(
        id=number,
        text=final.text,
        start=samples_to_ms(final.start),
        end=samples_to_ms(final.end),
        endpoint=samples_to_ms(final.endpoint),
        reason=final.reason.value,
        words=tuple(map(_sentence_word, final.words)) or msgspec.UNSET,
    )


def _sentence_word(word: Word) -> SentenceWord:
    return SentenceWord(word.text, samples_to_ms(word.start), samples_to_ms(word.end))


def error_fields(failed: Failed) -> dict[str, Any]:
    fields = {"code": failed.code, "message": failed.text, "retryable": BY_CODE[failed.code].retryable}
    return fields if failed.retry_after_s is None else fields | {"retry_after_s": failed.retry_after_s}


def option_fields(options: SessionOptions, changed: str) -> dict[str, Any]:
    match changed:
        case "hotwords_set":
            return {"hotwords": options.hotwords}
        case "postprocess_hotwords_set":
            return {"postprocess_hotwords": dict(options.replacements)}
        case "language_set":
            return {"language": options.language}
        case "timestamps_set":
            return {"timestamps": options.timestamps}
        case _:
            return {"silence_schedule": options.silence_schedule}
