"""Known words: what the test sentences and recordings say, and how far a transcript is from them.

The normaliser of every word error rate here: lower case, apostrophes dropped, all other punctuation
a blank, blanks collapsed. It leaves digits alone, so the texts hold no number words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jiwer

SENTENCES_FILE: Final = Path(__file__).with_name("sentences.txt")

BECKETT: Final = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
TWO_CITIES: Final = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of "
    "foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, "
    "it was the season of Darkness, it was the spring of hope, it was the winter of despair, we had "
    "everything before us, we had nothing before us, we were all going direct to Heaven, we were all going "
    "direct the other way – in short, the period was so far like the present period, that some of its "
    "noisiest authorities insisted on its being received, for good or for evil, in the superlative degree "
    "of comparison only."
)
RECORDED_TEXTS: Final = {"beckett": BECKETT, "two_cities": TWO_CITIES}
"""Text of each human recording by the name that `tests.support.speech.recording` knows."""

_APOSTROPHES: Final = re.compile(r"['\u2019]")
_PUNCTUATION: Final = re.compile(r"[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Word errors of a transcript against `words` reference words; adds up over transcripts."""

    errors: int
    words: int

    @property
    def rate(self) -> float:
        """Word error rate; without reference words every error counts as one whole."""
        return self.errors / max(self.words, 1)

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(self.errors + other.errors, self.words + other.words)


NO_ERRORS: Final = WordErrors(0, 0)


def sentences(path: Path = SENTENCES_FILE) -> tuple[str, ...]:
    """One sentence a line; empty lines do not count."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def normalised(text: str) -> str:
    bare = _PUNCTUATION.sub(" ", _APOSTROPHES.sub("", text.lower()))
    return " ".join(bare.split())


def word_errors(reference: str, transcript: str) -> WordErrors:
    """Substitutions, deletions and insertions between the two texts, both normalised here."""
    reference, transcript = normalised(reference), normalised(transcript)
    if not reference:
        return WordErrors(len(transcript.split()), 0)
    alignment = jiwer.process_words(reference, transcript)
    errors = alignment.substitutions + alignment.deletions + alignment.insertions
    return WordErrors(errors, alignment.hits + alignment.substitutions + alignment.deletions)


def differing_words(reference: str, transcript: str) -> tuple[tuple[str, str], ...]:
    """Each place where the normalised texts differ: what was said there and what was written."""
    said, written = normalised(reference).split(), normalised(transcript).split()
    if not said:
        return (("", " ".join(written)),) if written else ()
    [alignment] = jiwer.process_words(" ".join(said), " ".join(written)).alignments
    return tuple(
        (
            " ".join(said[part.ref_start_idx : part.ref_end_idx]),
            " ".join(written[part.hyp_start_idx : part.hyp_end_idx]),
        )
        for part in alignment
        if part.type != "equal"
    )


def total(errors: Iterable[WordErrors]) -> WordErrors:
    return sum(errors, start=NO_ERRORS)
