"""Deterministic replacement of words in finals: what POSTPROCESS_HOTWORDS asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Not \b, for which Chinese characters are letters of the same word: `vllm` would not be found in `用vllm做`.
_LATIN: Final = "[0-9A-Za-z_\u00c0-\u024f]"
_LATIN_CHARACTER: Final = re.compile(_LATIN)


@dataclass(frozen=True, slots=True)
class Replacement:
    """`right` stands for the characters [begin, stop) of a text."""

    begin: int
    stop: int
    right: str


def replace_words(text: str, replacements: Sequence[tuple[str, str]]) -> str:
    """Each `wrong` becomes its `right`, in one pass, so that no replacement is replaced again.

    Latin words match whole and in any case; text without word boundaries (Chinese, say) matches anywhere.
    Longer entries win over shorter ones that begin at the same place.
    """
    told, behind = [], 0
    for replacement in replacements_in(text, replacements):
        told += [text[behind : replacement.begin], replacement.right]
        behind = replacement.stop
    return "".join(told) + text[behind:]


def replacements_in(text: str, replacements: Sequence[tuple[str, str]]) -> list[Replacement]:
    """What `replace_words` replaces, from left to right."""
    wanted = {wrong.casefold(): right for wrong, right in replacements}
    if not wanted:
        return []
    alternatives = sorted((wrong for wrong, _ in replacements), key=len, reverse=True)
    pattern = re.compile("|".join(_whole(wrong) for wrong in alternatives), re.IGNORECASE)
    return [
        Replacement(match.start(), match.end(), wanted.get(match.group().casefold(), match.group()))
        for match in pattern.finditer(text)
    ]


def _whole(wrong: str) -> str:
    before = f"(?<!{_LATIN})" if _LATIN_CHARACTER.match(wrong[0]) else ""
    after = f"(?!{_LATIN})" if _LATIN_CHARACTER.match(wrong[-1]) else ""
    return before + re.escape(wrong) + after
