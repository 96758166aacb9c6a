from __future__ import annotations

import asyncio

import pytest

from bench.player import Arrival, Pace, Playback, Server, play, play_all
from client.stream import StreamError
from client.view import Notice, Result, TranscriptView
from common.audio import float_to_pcm16
from tests.support.counting_server import counting_server
from tests.support.speech import noise

FAST = Pace(speed=1_000.0)


class JumpingClock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self._now = 100.0

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self._now += seconds


def test_all_audio_is_sent_and_the_end_of_the_session_is_kept() -> None:
    samples = noise(0.55, level=0.1, seed=0)

    async def played() -> tuple[Playback, list[bytes]]:
        async with counting_server() as server:
            return await play(samples, Server(server.url), FAST), server.received

    playback, received = asyncio.run(played())
    assert received == [float_to_pcm16(samples)]
    assert playback.transcript == "8800 samples"
    assert playback.worker == "worker-0"
    assert [sentence.end_ms for sentence in playback.sentences] == [550]
    assert [result.duration_ms for _, result in playback.results] == [100, 200, 300, 400, 500, 550, 550]


@pytest.mark.parametrize(("speed", "between_s"), [(1.0, 0.1), (4.0, 0.025)])
def test_frames_are_sent_at_the_pace_asked_for(speed: float, between_s: float) -> None:
    clock = JumpingClock()

    async def played() -> Playback:
        async with counting_server() as server:
            pace = Pace(speed, clock, clock.sleep)
            return await play(noise(0.5, level=0.1, seed=0), Server(server.url), pace)

    sent_s = asyncio.run(played()).sent_s
    assert [sent - 100.0 for sent in sent_s] == pytest.approx([between_s * n for n in range(1, 6)])


def test_schedule_is_asked_for_in_the_address() -> None:
    async def asked(schedule: str | None) -> list[str]:
        async with counting_server() as server:
            await play(noise(0.1, level=0.1, seed=0), Server(server.url, schedule), FAST)
            return server.paths

    assert asyncio.run(asked("offline")) == ["/?silence_schedule=offline"]
    assert asyncio.run(asked(None)) == ["/"]


@pytest.mark.parametrize("code", ["engine_failed", "odd_frame"])
def test_any_error_fails_the_playback_even_one_that_the_session_outlives(code: str) -> None:
    async def played() -> None:
        async with counting_server(error=code) as server:
            await play(noise(0.1, level=0.1, seed=0), Server(server.url), FAST)

    with pytest.RaisesGroup(pytest.RaisesExc(StreamError, match=code), flatten_subgroups=True):
        asyncio.run(played())


def test_playlist_keeps_its_order_and_its_bound() -> None:
    playlist = [noise(seconds, level=0.1, seed=0) for seconds in (0.5, 0.1, 0.4, 0.2, 0.3)]

    async def played() -> tuple[list[str], int]:
        async with counting_server() as server:
            playbacks = await play_all(playlist, Server(server.url), Pace(speed=20.0), parallel=2)
            return [playback.transcript for playback in playbacks], server.most_at_once

    transcripts, most_at_once = asyncio.run(played())
    assert transcripts == [f"{len(samples)} samples" for samples in playlist]
    assert most_at_once == 2


@pytest.mark.parametrize(
    ("sample", "sent_s"), [(0, 1.0), (1_599, 1.0), (1_600, 1.1), (3_200, 1.2), (99_999, 1.2)]
)
def test_sample_was_sent_with_its_frame(sample: int, sent_s: float) -> None:
    playback = Playback(sent_s=(1.0, 1.1, 1.2), arrivals=(), view=TranscriptView())
    assert playback.sent_at(sample) == sent_s


def test_notices_are_no_results() -> None:
    result = Result((), "and", 0, 100, False, "s", "worker-0", seq=3)
    arrivals = (Arrival(1.0, Notice("hotwords_set", seq=2)), Arrival(2.0, result))
    assert Playback((0.0,), arrivals, TranscriptView()).results == ((2.0, result),)
