"""Where audio comes from: files of any kind, decoded to PCM16 and handed out in frames at a chosen pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer

from common.audio import (
    BYTES_PER_SAMPLE,
    SAMPLE_RATE,
    ms_to_samples,
    pcm16_samples,
    samples_to_seconds,
)
from common.clock import Clock, MonotonicClock

DEFAULT_FRAME_MS: Final = 100
# 65,536 bytes, the largest frame that a server takes.
MAX_FRAME_MS: Final = 2_048

Sleep = Callable[[float], Awaitable[None]]
_MONOTONIC: Final = MonotonicClock()


class AudioFileError(Exception):
    """A file that cannot be opened or decoded, or holds no audio; the message names it and says why."""


def check_audio_file(path: Path) -> None:
    """Raises `AudioFileError` if the file cannot be opened or holds no audio; decodes nothing."""
    with _opened(path):
        pass


def decode_file(path: Path) -> Iterator[bytes]:
    """PCM16 mono 16 kHz of the first audio track, in pieces of any length. Raises `AudioFileError`."""
    with _opened(path) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        for decoded in container.decode(audio=0):
            yield from map(_pcm, _resampled(resampler, decoded, path))
        yield from map(_pcm, resampler.resample(None))


def split_frames(pieces: Iterable[bytes], frame_ms: int = DEFAULT_FRAME_MS) -> Iterator[bytes]:
    """The same audio in frames of `frame_ms`; the last one may be shorter."""
    frame_bytes = ms_to_samples(frame_ms) * BYTES_PER_SAMPLE
    rest = bytearray()
    for piece in pieces:
        rest += piece
        while len(rest) >= frame_bytes:
            yield bytes(rest[:frame_bytes])
            del rest[:frame_bytes]
    if rest:
        yield bytes(rest)


class PacedFrames:
    """Hands each frame out when a microphone would have it: once its last sample has been spoken.

    speed: 2 is twice real time, 0 as fast as possible. Every frame is due at a time counted from the first
    request, so that late ones are caught up and nothing drifts.
    """

    def __init__(
        self,
        frames: Iterable[bytes],
        speed: float = 1.0,
        *,
        clock: Clock = _MONOTONIC,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if speed < 0:
            raise ValueError("speed is 0 or more")
        self._frames = iter(frames)
        self._speed = speed
        self._clock = clock
        self._sleep = sleep
        self._began: float | None = None
        self._samples = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._began is None:
            self._began = self._clock.now()
        frame = next(self._frames, None)
        if frame is None:
            raise StopAsyncIteration
        self._samples += pcm16_samples(frame)
        # A sleep of 0 still lets other tasks run.
        await self._sleep(max(0.0, self._due(self._began) - self._clock.now()))
        return frame

    def _due(self, began: float) -> float:
        return began + samples_to_seconds(self._samples) / self._speed if self._speed else began


class FileSource:
    """A file as paced frames; each `async for` starts it anew. Iterating raises `AudioFileError`."""

    def __init__(
        self,
        path: Path,
        frame_ms: int = DEFAULT_FRAME_MS,
        speed: float = 1.0,
        *,
        clock: Clock = _MONOTONIC,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if not 1 <= frame_ms <= MAX_FRAME_MS:
            raise ValueError(f"frame_ms is 1 to {MAX_FRAME_MS}")
        self._path = path
        self._frame_ms = frame_ms
        self._speed = speed
        self._clock = clock
        self._sleep = sleep

    def __aiter__(self) -> AsyncIterator[bytes]:
        frames = split_frames(decode_file(self._path), self._frame_ms)
        return PacedFrames(frames, self._speed, clock=self._clock, sleep=self._sleep)


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    try:
        # With `file:` a colon in the name does not make it a protocol; tags may be in any encoding.
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            if not container.streams.audio:
                raise AudioFileError(f"{path}: no audio in this file")
            yield container
    except av.FFmpegError as error:
        raise AudioFileError(f"{path}: {error.strerror}") from error


def _resampled(resampler: av.AudioResampler, frame: av.AudioFrame, path: Path) -> list[av.AudioFrame]:
    try:
        return resampler.resample(frame)
    except av.FFmpegError:
        # Some of these are ValueErrors too, and say themselves what is wrong.
        raise
    except ValueError as error:
        raise AudioFileError(f"{path}: the audio format changes inside the file") from error


def _pcm(frame: av.AudioFrame) -> bytes:
    return frame.to_ndarray().astype("<i2").tobytes()
