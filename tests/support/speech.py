"""Speech with known words and known borders: synthesised, or read from the human recordings.

Synthesised speech is the same on every run (the seed fixes it) and is kept in a folder of the
system's temporary folder, so that a sentence is made once per machine.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from hibari import Hibari

from client.sources import decode_file
from common.audio import SAMPLE_RATE, Samples, float_to_pcm16, pcm16_to_float, seconds_to_samples

SYNTHESISER_RATE: Final = 24_000
FRAME_SAMPLES: Final = SAMPLE_RATE // 100
# Share of the loudest frame's RMS. The quiet that the synthesiser adds stays below 0.0001 of it.
QUIET_SHARE: Final = 0.02
# Part of every cache key: raise it when the way from words to samples changes.
_RECIPE: Final = 1


def say(text: str, seed: int = 0) -> Samples:
    """`text` spoken, with the synthesiser's quiet before (~0.3 s) and behind (~0.5 s)."""
    path = _cache_folder() / f"{_cache_key(text, seed)}.npy"
    try:
        kept: Samples = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        kept = _synthesised(text, seed)
        _keep(path, kept)
    return kept


def trimmed(samples: Samples) -> Samples:
    """From the first to the last 10-ms frame that is not quiet; empty if all of it is."""
    loud = np.flatnonzero(~_quiet_frames(samples))
    if not len(loud):
        return samples[:0]
    return samples[loud[0] * FRAME_SAMPLES : (loud[-1] + 1) * FRAME_SAMPLES]


def without_pauses(samples: Samples, longest_s: float = 0.05) -> Samples:
    """Every stretch of quiet 10-ms frames that is longer than `longest_s` is cut down to it in its middle."""
    longest = seconds_to_samples(longest_s) // FRAME_SAMPLES
    quiet = _quiet_frames(samples)
    dropped = np.zeros(len(quiet), dtype=np.bool_)
    for first, last in _runs(quiet):
        dropped[first + longest // 2 : max(first, last - (longest - longest // 2))] = True
    return _frames(samples)[~dropped].ravel()


def silence(seconds: float) -> Samples:
    return np.zeros(seconds_to_samples(seconds), dtype=np.float32)


def noise(seconds: float, level: float, seed: int) -> Samples:
    """White noise with an RMS of `level` (1.0 is full scale)."""
    return _noise(seconds_to_samples(seconds), level, seed)


def recording(name: str) -> Samples:
    """A human recording, by a name of `tests.support.texts.RECORDED_TEXTS`."""
    package = find_spec("moonshine_voice")
    if package is None or package.origin is None:
        raise FileNotFoundError("the recordings come with moonshine-voice, which is not installed")
    return read_audio(Path(package.origin).parent / "assets" / f"{name}.wav")


def read_audio(path: Path) -> Samples:
    """Any media file with sound. Raises `AudioFileError`."""
    return pcm16_to_float(b"".join(decode_file(path)))


@dataclass(frozen=True, slots=True)
class Span:
    """What was said where: absolute samples, `end` exclusive."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Piece:
    samples: Samples
    text: str | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Speech and pauses in a row; each call gives a longer timeline.

    With `noise_level` (RMS, 1.0 is full scale) the same white noise lies under everything.
    """

    noise_level: float = 0.0
    _pieces: tuple[_Piece, ...] = ()

    def say(self, text: str, *, seed: int = 0) -> Timeline:
        """Synthesised speech, cut to its borders."""
        return self.speech(trimmed(say(text, seed)), text)

    def speech(self, samples: Samples, text: str) -> Timeline:
        """Speech that the caller has cut to its borders."""
        return self._with(_Piece(samples, text))

    def pause(self, seconds: float) -> Timeline:
        return self._with(_Piece(silence(seconds), None))

    @property
    def samples(self) -> Samples:
        joined = np.concatenate([silence(0), *(piece.samples for piece in self._pieces)])
        return joined + _noise(len(joined), self.noise_level, seed=0) if self.noise_level else joined

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(self._spans())

    @property
    def text(self) -> str:
        return " ".join(span.text for span in self.spans)

    @property
    def length(self) -> int:
        """Samples in all."""
        return sum(len(piece.samples) for piece in self._pieces)

    def pcm(self) -> bytes:
        return float_to_pcm16(self.samples)

    def _with(self, piece: _Piece) -> Timeline:
        return replace(self, _pieces=(*self._pieces, piece))

    def _spans(self) -> Iterator[Span]:
        start = 0
        for piece in self._pieces:
            end = start + len(piece.samples)
            if piece.text is not None:
                yield Span(start, end, piece.text)
            start = end


def _frames(samples: Samples) -> Samples:
    """Shape (n, FRAME_SAMPLES); an incomplete last frame is left out."""
    whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
    return samples[:whole].reshape(-1, FRAME_SAMPLES)


def _quiet_frames(samples: Samples) -> npt.NDArray[np.bool_]:
    levels = np.sqrt(np.mean(np.square(_frames(samples)), axis=1))
    quiet: npt.NDArray[np.bool_] = levels <= QUIET_SHARE * levels.max(initial=0.0)
    return quiet


def _runs(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and one-past-last index of every run of true flags."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _noise(length: int, level: float, seed: int) -> Samples:
    return np.random.default_rng(seed).standard_normal(length, dtype=np.float32) * np.float32(level)


@cache
def _cache_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"voxshard-speech-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _cache_key(text: str, seed: int) -> str:
    return hashlib.sha256(f"{_RECIPE}|{version('hibari-tts')}|{seed}|{text}".encode()).hexdigest()


def _keep(path: Path, samples: Samples) -> None:
    """Other test runs see the whole file or none."""
    handle, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "wb") as file:
        np.save(file, samples, allow_pickle=False)
    Path(unfinished).replace(path)


def _synthesised(text: str, seed: int) -> Samples:
    audio = np.asarray(_synthesiser()(text, seed=seed), dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(audio[np.newaxis, :], format="flt", layout="mono")
    frame.sample_rate = SYNTHESISER_RATE
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    out = [part.to_ndarray()[0] for given in (frame, None) for part in resampler.resample(given)]
    return np.concatenate(out)


@cache
def _synthesiser() -> Hibari:
    return Hibari()
