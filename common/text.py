"""Facts about written text that client and gateway share."""

from __future__ import annotations

import unicodedata


def join_texts(texts: list[str]) -> str:
    """Sentences in a row: a space between two, but none beside scripts that are written without spaces."""
    joined = ""
    for text in filter(None, texts):
        spaced = joined and not writes_no_spaces(joined[-1]) and not writes_no_spaces(text[0])
        joined += f" {text}" if spaced else text
    return joined


def writes_no_spaces(character: str) -> bool:
    """Chinese, Japanese and their punctuation are wide; so is Korean, which has spaces."""
    wide = unicodedata.east_asian_width(character) in "WF"
    return wide and not unicodedata.name(character, "").startswith("HANGUL")
