"""Deterministic replacement of words in finals: what POSTPROCESS_HOTWORDS asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence


def replace_words(text: str, replacements: Sequence[tuple[str, str]]) -> str:
    """Each `wrong` becomes its `right`, in one pass, so that no replacement is replaced again.

    Latin words match whole and in any case; text without word boundaries (Chinese, say) matches anywhere.
    Longer entries win over shorter ones that begin at the same place.
    """
    wanted = {wrong.casefold(): right for wrong, right in replacements}
    if not wanted:
        return text
    alternatives = sorted((wrong for wrong, _ in replacements), key=len, reverse=True)
    pattern = re.compile("|".join(_whole(wrong) for wrong in alternatives), re.IGNORECASE)
    return pattern.sub(lambda match: wanted.get(match.group().casefold(), match.group()), text)


def _whole(wrong: str) -> str:
    before = r"\b" if _is_latin_word(wrong[0]) else ""
    after = r"\b" if _is_latin_word(wrong[-1]) else ""
    return before + re.escape(wrong) + after


def _is_latin_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")
