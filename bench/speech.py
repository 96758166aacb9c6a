"""The speech of the live measurements: `python -m bench.speech` makes it, `read_speech` reads it.

It lies in the repository as a small Ogg/Opus file, because the machines with a GPU have no synthesiser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import soundfile

from common.audio import SAMPLE_RATE, Samples, seconds_to_samples

AUDIO_FILE: Final = Path(__file__).parent / "data" / "speech.opus"
WORDS_FILE: Final = AUDIO_FILE.with_suffix(".json")
_SECONDS: Final = 210.0
# So much quiet around each sentence that the codec does not smear one into the next.
_MARGIN: Final = seconds_to_samples(0.2)
# All sentences equally loud: RMS, 1.0 is full scale.
_LEVEL: Final = 0.1
_PEAK: Final = 0.95


class SpokenSentence(msgspec.Struct, frozen=True):
    """What is said in samples [start, end) of the file."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Speech:
    """Samples are shape (n,), 16 kHz."""

    samples: Samples
    sentences: tuple[SpokenSentence, ...]


def read_speech(audio: Path = AUDIO_FILE, words: Path = WORDS_FILE) -> Speech:
    """Raises OSError, or ValueError if the two files do not belong together."""
    samples, rate = soundfile.read(audio, dtype="float32")
    sentences = msgspec.json.decode(words.read_bytes(), type=tuple[SpokenSentence, ...])
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise ValueError(f"{audio}: not one channel of 16 kHz")
    if not sentences or sentences[-1].end > len(samples):
        raise ValueError(f"{words}: its sentences do not lie in {audio.name}")
    return Speech(samples, sentences)


def make_speech(texts: Sequence[str], seconds: float) -> Speech:
    """As many of `texts` as fill about `seconds`, spoken by the synthesiser."""
    # Only where the material is made: the machines that play it lack the synthesiser.
    from tests.support.speech import say, trimmed  # noqa: PLC0415

    pieces: list[Samples] = [np.zeros(_MARGIN, dtype=np.float32)]
    sentences: list[SpokenSentence] = []
    length = _MARGIN
    for text in texts:
        spoken = _levelled(trimmed(say(text)))
        sentences.append(SpokenSentence(length, length + len(spoken), text))
        pieces += [spoken, np.zeros(_MARGIN, dtype=np.float32)]
        length += len(spoken) + _MARGIN
        if length >= seconds_to_samples(seconds):
            break
    return Speech(np.concatenate(pieces), tuple(sentences))


def write_speech(speech: Speech, audio: Path = AUDIO_FILE, words: Path = WORDS_FILE) -> None:
    soundfile.write(audio, speech.samples, SAMPLE_RATE, format="OGG", subtype="OPUS")
    words.write_bytes(msgspec.json.format(msgspec.json.encode(speech.sentences), indent=1) + b"\n")


def _levelled(samples: Samples) -> Samples:
    rms = float(np.sqrt(np.mean(np.square(samples))))
    louder = samples * np.float32(_LEVEL / rms)
    peak = float(np.abs(louder).max())
    return louder * np.float32(min(1.0, _PEAK / peak))


if __name__ == "__main__":
    from tests.support.texts import SENTENCES_FILE, sentences

    write_speech(make_speech(sentences(SENTENCES_FILE), _SECONDS))
