"""A partial hears only the newest seconds of a long segment; what was shown before goes in front of it."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Final

# Fewer common words in a row are chance. Text without blanks is compared by character.
_LEAST_WORDS: Final = 3
_LEAST_CHARACTERS: Final = 6


def stitched(shown: str, window: str) -> str | None:
    """`shown` up to where `window` takes over, then `window`; None if the two have too little in common.

    The first word of a window is often cut in half, so the common words need not be its first.
    """
    separator, least = (" ", _LEAST_WORDS) if " " in window else ("", _LEAST_CHARACTERS)
    before, after = _units(shown, separator), _units(window, separator)
    # The overlap is in what was shown last; looking further back would only find repetitions.
    first = max(0, len(before) - 2 * len(after))
    matcher = SequenceMatcher(None, _keys(before[first:]), _keys(after), autojunk=False)
    match = matcher.find_longest_match()
    if match.size < least:
        return None
    # The first common word as it was shown: a window begins with a capital wherever it begins.
    return separator.join(before[: first + match.a + 1] + after[match.b + 1 :])


def _units(text: str, separator: str) -> list[str]:
    return text.split() if separator else list(text)


def _keys(units: list[str]) -> list[str]:
    """What is compared: without case and punctuation, which change with every revision."""
    return ["".join(filter(str.isalnum, unit)).casefold() or unit for unit in units]
