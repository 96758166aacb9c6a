"""A history as it should be, and ways to spoil it."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from msgspec.structs import replace as changed

from common.audio import pcm16_to_float
from tests.chaos.history import LOST, History, Message, Received, Sentence
from tests.chaos.script import FRAME_MS, Script
from tests.support.engines import scripted_text

SCRIPT: Final = Script(number=3, length_ms=9_000)
"""Five turns; the third and the fifth come back as two sentences."""
OTHER: Final = Script(number=4, length_ms=9_000)
SESSION: Final = "0123456789abcdef"
WORKER: Final = "1"
_PAUSE_MS: Final = 500


def heard(script: Script, start_ms: int, end_ms: int) -> str:
    """What the scripted engine says of this window."""
    return scripted_text(pcm16_to_float(script.pcm(start_ms, end_ms)))


def sentences(script: Script) -> tuple[Sentence, ...]:
    found: list[Sentence] = []

    def add(start_ms: int, end_ms: int, window: tuple[int, int], reason: str) -> None:
        endpoint = end_ms + _PAUSE_MS if reason == "silence" else end_ms
        found.append(Sentence(len(found), heard(script, *window), start_ms, end_ms, endpoint, reason))

    for turn in script.turns:
        start_ms, begin_ms = turn.start_ms, turn.start_ms - 200
        if turn.commit_ms:
            add(start_ms, turn.commit_ms, (begin_ms, turn.commit_ms), "commit")
            start_ms = begin_ms = turn.commit_ms
        add(start_ms, turn.end_ms, (begin_ms, turn.end_ms + 300), "silence")
    return tuple(found)


def result(locked: tuple[Sentence, ...], **fields: object) -> Message:
    return changed(
        Message(0, None, SESSION, WORKER, sentences=locked, duration_ms=locked[-1].endpoint if locked else 0),
        **fields,
    )


def event(name: str, **fields: object) -> Message:
    return changed(Message(0, name, SESSION, WORKER), **fields)


def messages_of(script: Script, locked: tuple[Sentence, ...]) -> list[Message]:
    """A partial and then each sentence; the worker is lost behind the first. Not numbered yet."""
    messages = [event("started")]
    for count, sentence in enumerate(locked, start=1):
        partial_ms = sentence.start + 480
        messages += [
            result(
                locked[: count - 1],
                partial=heard(script, sentence.start, partial_ms),
                partial_start_ms=sentence.start,
                duration_ms=partial_ms,
            ),
            result(locked[:count], is_final=sentence.reason == "commit"),
        ]
        if count == 1:
            messages.append(event("moved"))
    return [*messages, result(locked, is_final=True, duration_ms=script.end_ms), event("stopped")]


def history_of(messages: list[Message], script: Script = SCRIPT, close_code: int | None = None) -> History:
    """Numbered anew on each connection; a message came 10 ms after the audio that it tells about was sent."""
    sent_at = array("d", (FRAME_MS * number / 1000 for number in range(script.end_ms // FRAME_MS)))
    received = []
    at_ms = seq = 0
    for message in messages:
        seq = 0 if message.event == LOST else seq + 1
        at_ms = max(at_ms, (message.duration_ms - 1) // FRAME_MS * FRAME_MS)
        received.append(Received(at_ms / 1000 + 0.01, changed(message, seq=seq)))
    return History(script, sent_at, tuple(received), close_code)


def good() -> History:
    return history_of(messages_of(SCRIPT, sentences(SCRIPT)))


def saying(spoil: Callable[[list[Sentence]], list[Sentence]]) -> History:
    """With other sentences, told without a fault."""
    locked = spoil(list(sentences(SCRIPT)))
    told = tuple(changed(sentence, id=number) for number, sentence in enumerate(locked))
    return history_of(messages_of(SCRIPT, told))


def telling(spoil: Callable[[list[Message]], list[Message]], close_code: int | None = None) -> History:
    """With other messages, numbered without a fault."""
    return history_of(spoil(messages_of(SCRIPT, sentences(SCRIPT))), close_code=close_code)


def with_messages(history: History, spoil: Callable[[list[Message]], list[Message]]) -> History:
    """With other messages, which keep their numbers."""
    spoilt = spoil(list(history.messages))
    return replace(history, received=tuple(Received(0.0, message) for message in spoilt))
