"""Words of a text and when they were said, from the tokens of the text and the frames of each token.

A word stands between blanks; in scripts that are written without them each character is one. Characters that
share a token stay together: the model says nothing of when one ends and the next begins. Punctuation belongs
to the word before it, where it opens something to the word behind it, and has no time of its own: what a CTC
says of it is often far away, at the next sound.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from common.text import writes_no_spaces
from worker.engines.encoder_llm.viterbi import LabelSpan
from worker.engines.words import TimedWord

# Low frame rate: six frames of 10 ms.
FRAME_S: Final = 0.06

_CHUNK: Final = re.compile(r"\S+")
# Brackets and quotation marks that are written differently at their two ends.
_OPENING: Final = frozenset({"Ps", "Pi"})


@dataclass(slots=True)
class _Part:
    """Characters [begin, stop) of a text, those with a sound between `first` and `last`."""

    begin: int
    stop: int
    first: int
    last: int
    grows: bool


def timed_words(text: str, tokens: Sequence[bytes], spans: Sequence[LabelSpan]) -> tuple[TimedWord, ...]:
    """The words of `text`; `tokens` are its UTF-8 bytes, cut where the tokenizer does, one span for each."""
    token_ends = list(accumulate(map(len, tokens)))
    byte_ends = list(accumulate(len(character.encode()) for character in text))
    words: list[TimedWord] = []
    begin, first_token, last_token = 0, 0, -1
    for part in _parts(text):
        # The first byte of the first character, and the last one of the last.
        first = bisect_right(token_ends, byte_ends[part.first] - len(text[part.first].encode()))
        last = bisect_left(token_ends, byte_ends[part.last])
        if words and first <= last_token:
            words.pop()
        else:
            begin, first_token = part.begin, first
        last_token = last
        words.append(_word(text[begin : part.stop], spans[first_token : last + 1]))
    return tuple(words)


def _word(text: str, spans: Sequence[LabelSpan]) -> TimedWord:
    score = sum(span.score for span in spans) / len(spans)
    return TimedWord(text, spans[0].start * FRAME_S, spans[-1].end * FRAME_S, score)


def _parts(text: str) -> list[_Part]:
    parts: list[_Part] = []
    begin: int | None = None
    for chunk in _CHUNK.finditer(text):
        begin = chunk.start() if begin is None else begin
        if found := _parts_of(text, begin, chunk.end()):
            parts += found
            begin = None
        elif parts:
            parts[-1].stop = chunk.end()
            begin = None
    return parts


def _parts_of(text: str, begin: int, stop: int) -> list[_Part]:
    """The words in [begin, stop), which has no blank behind its first sound; together they hold all of it."""
    parts: list[_Part] = []
    taken = begin
    for place in range(begin, stop):
        character = text[place]
        if _sounds(character):
            alone = writes_no_spaces(character)
            if parts and taken == place and parts[-1].grows and not alone:
                parts[-1].last = place
            else:
                parts.append(_Part(taken, place, place, place, grows=not alone))
            taken = parts[-1].stop = place + 1
        elif parts and taken == place and unicodedata.category(character) not in _OPENING:
            taken = parts[-1].stop = place + 1
    if parts:
        parts[-1].stop = stop
    return parts


def _sounds(character: str) -> bool:
    """Letters, digits, and the marks that are written over or under them."""
    return character.isalnum() or unicodedata.category(character).startswith("M")
