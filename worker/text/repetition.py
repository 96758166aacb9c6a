"""Guard against a model that runs away: the same words over and over become one of them.

In the text, never by a penalty in the decoder: with prompt embeddings a penalty crashes the engine.
"""

from __future__ import annotations

from typing import Final

# People do say a word three times, and a chorus repeats a line; they do not say six words five times over.
MIN_REPEATS: Final = 5
MAX_PERIOD_WORDS: Final = 12
# For text without blanks, in characters.
MAX_PERIOD_CHARACTERS: Final = 16
MIN_RUN_CHARACTERS: Final = 24


def without_runaway(text: str) -> str:
    """`text` with every run of at least five equal phrases cut to one; untouched text comes back as it is."""
    words = text.split()
    if len(words) >= MIN_REPEATS:
        kept = _collapse(words, [_bare(word) for word in words], MAX_PERIOD_WORDS, MIN_REPEATS)
        return text if len(kept) == len(words) else " ".join(kept)
    characters = list(text)
    kept = _collapse(characters, characters, MAX_PERIOD_CHARACTERS, MIN_REPEATS)
    return "".join(kept) if len(text) - len(kept) >= MIN_RUN_CHARACTERS else text


def _bare(word: str) -> str:
    return "".join(filter(str.isalnum, word.casefold())) or word


def _collapse(items: list[str], keys: list[str], max_period: int, min_repeats: int) -> list[str]:
    kept: list[str] = []
    position = 0
    while position < len(items):
        period, repeats = _run_at(keys, position, max_period)
        if repeats >= min_repeats:
            kept += items[position : position + period]
            position += period * repeats
        else:
            kept.append(items[position])
            position += 1
    return kept


def _run_at(keys: list[str], position: int, max_period: int) -> tuple[int, int]:
    """Period and number of repeats of the run at `position` that covers most items."""
    best = (1, 1)
    for period in range(1, min(max_period, (len(keys) - position) // 2) + 1):
        repeats = 1
        phrase = keys[position : position + period]
        while keys[position + repeats * period : position + (repeats + 1) * period] == phrase:
            repeats += 1
        if repeats > 1 and repeats * period > best[0] * best[1]:
            best = (period, repeats)
    return best
