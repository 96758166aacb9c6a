"""What a decode brought, as the transcript may use it: text without runaways, words at absolute samples."""

from __future__ import annotations

from dataclasses import dataclass

from common.audio import seconds_to_samples
from common.events import SessionOptions, Word
from worker.engines.words import TimedWord
from worker.pipeline.effects import Decode
from worker.text.repetition import without_runaway
from worker.text.replacements import replace_words
from worker.text.word_times import replace_in_words


@dataclass(frozen=True, slots=True)
class Recognised:
    """Text of a window; `words` is empty if times were not asked for or could not be told."""

    text: str
    words: tuple[Word, ...] = ()

    def locked(self, options: SessionOptions) -> Recognised:
        """The same as a final says it: words replaced, times only for who wants them now."""
        words = self.words if options.timestamps else ()
        return Recognised(
            replace_words(self.text, options.replacements),
            replace_in_words(words, self.text, options.replacements),
        )


def recognised(decode: Decode, raw_text: str, words: tuple[TimedWord, ...] | None) -> Recognised:
    """What the engine said of the window of `decode`; `words` count from its begin."""
    stripped = raw_text.strip()
    text = without_runaway(stripped)
    # Times of a text that was never spoken are false, those of the words that are left of it too.
    kept = () if words is None or text != stripped else words
    return Recognised(text, tuple(_absolute(word, decode) for word in kept))


def _absolute(word: TimedWord, decode: Decode) -> Word:
    # The engine's last frame may reach beyond the audio.
    start, end = (
        min(decode.end, decode.start + seconds_to_samples(time)) for time in (word.start_s, word.end_s)
    )
    return Word(word.text, start, end)
