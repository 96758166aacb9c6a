from __future__ import annotations

import asyncio
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import client.sources
from client.sources import (
    AudioFileError,
    FileSource,
    PacedFrames,
    check_audio_file,
    decode_file,
    split_frames,
)
from common.audio import SAMPLE_RATE, SAMPLES_PER_MS, pcm16_to_float

TONE_HZ = 440
FRAME = bytes(3_200)


class FakeTime:
    """A clock that only sleeping moves, each time by `lateness_s` too far."""

    def __init__(self, lateness_s: float = 0.0) -> None:
        self._now_s = 100.0
        self._lateness_s = lateness_s

    def now(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        self._now_s += seconds + (self._lateness_s if seconds else 0.0)

    def work(self, seconds: float) -> None:
        self._now_s += seconds


def tone(rate: int, duration_s: float, channels: int) -> np.ndarray:
    """A tone on every channel, int16, shape (samples, channels)."""
    time_s = np.arange(round(rate * duration_s)) / rate
    mono = (np.sin(2 * np.pi * TONE_HZ * time_s) * 8_000).astype(np.int16)
    return np.stack([mono] * channels, axis=1)


def write_audio(path: Path, codec: str, rate: int, channels: int = 2, duration_s: float = 1.0) -> Path:
    layout = "stereo" if channels == 2 else "mono"
    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(track, av.AudioStream)
        samples = tone(rate, duration_s, channels)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def write_wave(path: Path, rate: int, channels: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(tone(rate, 1.0, channels).tobytes())
    return path


def loudest_hz(pcm: bytes) -> float:
    samples = pcm16_to_float(pcm)
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(samples))


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_s16le", 44_100),
        ("a.mp3", "libmp3lame", 44_100),
        ("a.flac", "flac", 48_000),
        ("a.ogg", "libopus", 48_000),
        ("a.m4a", "aac", 44_100),
    ],
)
def test_any_container_becomes_mono_16_khz(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    pcm = b"".join(decode_file(write_audio(tmp_path / name, codec, rate)))
    assert len(pcm) / 2 == pytest.approx(SAMPLE_RATE, rel=0.1)
    assert loudest_hz(pcm) == pytest.approx(TONE_HZ, abs=3)


def test_resampling_loses_no_audio_at_the_end(tmp_path: Path) -> None:
    pcm = b"".join(decode_file(write_wave(tmp_path / "a.wav", 8_000, 1)))
    assert len(pcm) / 2 == pytest.approx(SAMPLE_RATE, abs=32)


def test_16_khz_mono_comes_through_unchanged(tmp_path: Path) -> None:
    pcm = b"".join(decode_file(write_wave(tmp_path / "a.wav", SAMPLE_RATE, 1)))
    assert pcm == tone(SAMPLE_RATE, 1.0, 1).tobytes()


def test_a_colon_in_the_name_is_no_protocol(tmp_path: Path) -> None:
    check_audio_file(write_wave(tmp_path / "http:1.wav", SAMPLE_RATE, 1))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.wav"
    with pytest.raises(AudioFileError, match=r"none\.wav: No such file"):
        check_audio_file(missing)
    with pytest.raises(AudioFileError, match=r"none\.wav: No such file"):
        next(decode_file(missing))


@pytest.mark.parametrize("content", [b"", b"this is not audio at all" * 50], ids=["empty", "text"])
def test_a_file_that_cannot_be_decoded_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.wav"
    path.write_bytes(content)
    with pytest.raises(AudioFileError, match=r"notes\.wav"):
        check_audio_file(path)


def test_a_folder_is_no_audio_file(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError):
        check_audio_file(tmp_path)


def test_a_video_without_sound_is_named(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        track = container.add_stream("mpeg4", rate=10)
        track.width, track.height, track.pix_fmt = 32, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    with pytest.raises(AudioFileError, match=r"silent\.mp4: no audio"):
        next(decode_file(path))


def test_a_format_that_changes_inside_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "joined.mp3"
    first = write_audio(tmp_path / "first.mp3", "libmp3lame", 44_100)
    second = write_audio(tmp_path / "second.mp3", "libmp3lame", 48_000)
    path.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(AudioFileError, match=r"joined\.mp3: the audio format changes"):
        list(decode_file(path))


def test_a_value_error_from_elsewhere_is_not_blamed_on_the_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_frame: av.AudioFrame) -> bytes:
        raise ValueError("no fault of the file")

    monkeypatch.setattr(client.sources, "_pcm", broken)
    with pytest.raises(ValueError, match="no fault of the file"):
        list(decode_file(write_wave(tmp_path / "a.wav", SAMPLE_RATE, 1)))


def test_frames_have_the_same_length_and_lose_nothing() -> None:
    audio = bytes(range(256)) * 50
    pieces = [audio[at : at + 1_000] for at in range(0, len(audio), 1_000)]
    frames = list(split_frames(pieces, frame_ms=100))
    assert [len(frame) for frame in frames] == [3_200, 3_200, 3_200, 3_200]
    assert b"".join(frames) == audio
    assert [len(frame) for frame in split_frames([bytes(3_300)])] == [3_200, 100]


def handed_out_at(time: FakeTime, speed: float, frames: list[bytes], work_s: float = 0.0) -> list[float]:
    """Seconds from the first request to each frame; the caller works `work_s` on each."""

    async def collect() -> list[float]:
        began = time.now()
        times = []
        async for _ in PacedFrames(frames, speed, clock=time, sleep=time.sleep):
            times.append(time.now() - began)
            time.work(work_s)
        return times

    return asyncio.run(collect())


@pytest.mark.parametrize(
    ("speed", "times"),
    [(1.0, [0.1, 0.2, 0.3, 0.35]), (2.0, [0.05, 0.1, 0.15, 0.175]), (0.0, [0.0, 0.0, 0.0, 0.0])],
)
def test_a_frame_is_due_when_its_last_sample_was_spoken(speed: float, times: list[float]) -> None:
    frames = [FRAME, FRAME, FRAME, FRAME[:1_600]]
    assert handed_out_at(FakeTime(), speed, frames) == pytest.approx(times)


def test_late_wake_ups_do_not_add_up() -> None:
    times = handed_out_at(FakeTime(lateness_s=0.02), 1.0, [FRAME] * 100)
    assert times == pytest.approx([0.1 * number + 0.02 for number in range(1, 101)])


def test_a_caller_that_was_slow_catches_up() -> None:
    times = handed_out_at(FakeTime(), 1.0, [FRAME] * 4, work_s=0.15)
    assert times == pytest.approx([0.1, 0.25, 0.4, 0.55])


def test_a_file_is_paced_and_can_be_read_again(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", SAMPLE_RATE, 1)
    time = FakeTime()
    source = FileSource(path, frame_ms=300, clock=time, sleep=time.sleep)

    async def read() -> list[int]:
        return [len(frame) // 2 // SAMPLES_PER_MS async for frame in source]

    began = time.now()
    assert asyncio.run(read()) == [300, 300, 300, 100]
    assert time.now() - began == pytest.approx(1.0)
    assert asyncio.run(read()) == [300, 300, 300, 100]


def test_full_speed_lets_other_tasks_run() -> None:
    async def interleaved() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        async for _ in PacedFrames([FRAME] * 20, 0.0):
            pass
        counting.cancel()
        return turns

    assert asyncio.run(interleaved()) >= 19


@pytest.mark.parametrize("frame_ms", [0, 2_049])
def test_frames_that_no_server_takes_are_refused(frame_ms: int) -> None:
    with pytest.raises(ValueError, match="frame_ms"):
        FileSource(Path("a.wav"), frame_ms)


def test_a_negative_speed_is_refused() -> None:
    with pytest.raises(ValueError, match="speed"):
        PacedFrames([], -1.0)
