"""Replacement of words whose times are known: times stay with what is said in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from common.events import Word
from worker.text.replacements import Replacement, replacements_in


@dataclass(slots=True)
class _Span:
    """Characters [begin, stop) of the text, said from `start` to `end`."""

    begin: int
    stop: int
    start: int
    end: int


def replace_in_words(
    words: Sequence[Word], text: str, replacements: Sequence[tuple[str, str]]
) -> tuple[Word, ...]:
    """The words of `text` as `replace_words` leaves them.

    Words that were replaced together become one word with the time of all of them; one of which no letter is
    left goes. None at all if `words` are not the words of `text`.
    """
    spans = _located(words, text)
    found = replacements_in(text, replacements) if spans else []
    for replacement in found:
        spans = _joined(spans, replacement)
    told = [Word(_retold(text, span, found), span.start, span.end) for span in spans]
    return tuple(word for word in told if any(map(str.isalnum, word.text)))


def _located(words: Sequence[Word], text: str) -> list[_Span]:
    spans: list[_Span] = []
    behind = 0
    for word in words:
        begin = text.find(word.text, behind)
        if begin < 0 or text[behind:begin].strip():
            return []
        behind = begin + len(word.text)
        spans.append(_Span(begin, behind, word.start, word.end))
    return [] if text[behind:].strip() else spans


def _joined(spans: list[_Span], replacement: Replacement) -> list[_Span]:
    """The spans that a replacement touches made one, which then holds all of it."""
    touched = [span for span in spans if span.begin < replacement.stop and span.stop > replacement.begin]
    if not touched:
        return spans
    whole = _Span(
        min(replacement.begin, touched[0].begin),
        max(replacement.stop, touched[-1].stop),
        touched[0].start,
        touched[-1].end,
    )
    before = [span for span in spans if span.stop <= whole.begin]
    return [*before, whole, *(span for span in spans if span.begin >= whole.stop)]


def _retold(text: str, span: _Span, found: Sequence[Replacement]) -> str:
    inside = [one for one in found if span.begin <= one.begin and one.stop <= span.stop]
    begins = [*(one.begin for one in inside), span.stop]
    stops = [span.begin, *(one.stop for one in inside)]
    between = [text[stop:begin] for stop, begin in zip(stops, begins, strict=True)]
    rights = [*(one.right for one in inside), ""]
    return "".join(chain.from_iterable(zip(between, rights, strict=True))).strip()
