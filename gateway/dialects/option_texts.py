"""Options as clients write them in text commands, checked before anything is done with them."""

from __future__ import annotations

import re
from typing import Final

from common.errors import BadHotwords, BadTimestamps

MAX_HOTWORDS: Final = 200
MAX_WORD_CHARACTERS: Final = 64
_ARROW: Final = re.compile(r"=>|->|→")
_SEPARATORS: Final = re.compile("[,，]")
_CHOICES: Final = {"true": True, "false": False}


def parse_hotwords(text: str) -> tuple[str, ...]:
    """`a,b` to its words; an empty text is an empty list. Raises `BadHotwords`."""
    words = tuple(word for part in _SEPARATORS.split(text) if (word := part.strip()))
    _check(words)
    return words


def parse_replacements(text: str) -> tuple[tuple[str, str], ...]:
    """`wrong=>right,word` to pairs; a bare word stands for itself. Raises `BadHotwords`."""
    entries = [entry for part in _SEPARATORS.split(text) if (entry := part.strip())]
    pairs = tuple(_pair(entry) for entry in entries)
    _check(tuple(wrong for wrong, _ in pairs))
    _check(tuple(right for _, right in pairs if right))
    return pairs


def parse_timestamps(text: str) -> bool:
    """`true` or `false`, in any case. Raises `BadTimestamps`."""
    choice = _CHOICES.get(text.strip().lower())
    if choice is None:
        raise BadTimestamps()
    return choice


def _pair(entry: str) -> tuple[str, str]:
    arrow = _ARROW.search(entry)
    if arrow is None:
        return entry, entry
    return entry[: arrow.start()].strip(), entry[arrow.end() :].strip()


def _check(words: tuple[str, ...]) -> None:
    if len(words) > MAX_HOTWORDS:
        raise BadHotwords()
    if not all(1 <= len(word) <= MAX_WORD_CHARACTERS and word.isprintable() for word in words):
        raise BadHotwords()
