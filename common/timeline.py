"""The audio of one session that is still needed, addressed by absolute sample."""

from __future__ import annotations

from common.audio import BYTES_PER_SAMPLE, Samples, pcm16_samples, pcm16_to_float


class AudioTimeline:
    """Append at the end, trim at the front, slice anywhere between."""

    def __init__(self, first: int = 0) -> None:
        self._pcm = bytearray()
        self._start = first

    @property
    def start(self) -> int:
        """First sample still held."""
        return self._start

    @property
    def end(self) -> int:
        """One past the last sample received."""
        return self._start + pcm16_samples(self._pcm)

    def append(self, pcm: bytes) -> None:
        """Add PCM16 of an even number of bytes."""
        self._pcm += pcm

    def trim(self, before: int) -> None:
        """Forget what lies before the sample `before`."""
        before = min(before, self.end)
        if before > self._start:
            del self._pcm[: (before - self._start) * BYTES_PER_SAMPLE]
            self._start = before

    def samples(self, start: int, end: int) -> Samples:
        """Float audio of [start, end), shape (end - start,). Raises `IndexError` outside what is held."""
        return pcm16_to_float(self.pcm(start, end))

    def pcm(self, start: int, end: int) -> bytes:
        """The same as PCM16."""
        if not self._start <= start <= end <= self.end:
            raise IndexError(f"[{start}, {end}) is not within [{self._start}, {self.end})")
        first = (start - self._start) * BYTES_PER_SAMPLE
        last = (end - self._start) * BYTES_PER_SAMPLE
        return bytes(memoryview(self._pcm)[first:last])
