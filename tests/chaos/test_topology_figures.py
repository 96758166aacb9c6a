"""Spoken sessions through nginx: what Prometheus says of them is what their client has measured itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np
import pytest

from bench.live_material import FRAME_MS, FRAME_SAMPLES, MaterialKind, make_loop
from bench.live_stream import ClientTimes, LiveStream
from bench.live_trace import Locked, StreamPlan, StreamTrace
from bench.speech import read_speech
from common.audio import ms_to_samples
from common.metrics import LATENCY_BUCKETS_S
from tests.support.processes import MOONSHINE, wait_until
from tests.support.prometheus import Prometheus
from tests.support.topology import running_topology

STREAMS: Final = 16
SECONDS: Final = 32
PROCESSES: Final = 5
FINALS: Final = "asr_final_latency_seconds"
_FRAMES: Final = SECONDS * 1_000 // FRAME_MS
# Streams do not begin together, so that their sentences do not end together.
_STAGGER_S: Final = 0.11
# The engine is behind by then: two cores bear so many streams, and not more.
_DEADLINE_S: Final = SECONDS + 25.0


@dataclass(frozen=True, slots=True)
class Played:
    """One stream: what its client saw, and how late it sent each frame."""

    trace: StreamTrace
    late_s: Sequence[float]

    @property
    def latencies_s(self) -> list[float]:
        """From the sending of the frame that holds the endpoint, or of STOP, to the sentence."""
        return [sentence.at_s - self._sent_s(sentence) for sentence in self.trace.locked]

    def _sent_s(self, sentence: Locked) -> float:
        number = _FRAMES - 1
        if sentence.reason == "silence":
            assert sentence.endpoint_s is not None
            number = (ms_to_samples(round(1_000 * sentence.endpoint_s)) - 1) // FRAME_SAMPLES
        return (number + 1) * FRAME_MS / 1_000 + self.late_s[number]


@dataclass(frozen=True, slots=True)
class Run:
    """Nothing has happened in this topology but this."""

    prometheus: Prometheus
    played: Sequence[Played]

    @property
    def latencies_s(self) -> list[float]:
        return [latency for played in self.played for latency in played.latencies_s]

    def total(self, series: str) -> float:
        return self.prometheus.value(f"sum({series})")


@pytest.fixture(scope="module")
def measured() -> Iterator[Run]:
    with running_topology(engine=MOONSHINE) as plan:
        run = Run(Prometheus(plan.prometheus_url), [])
        wait_until(lambda: run.prometheus.all_up(PROCESSES), 15, "all are scraped")
        run = Run(run.prometheus, asyncio.run(_play(plan.live_url)))
        ended = 'asr_sessions_ended_total{outcome="stopped"}'
        wait_until(lambda: run.total(ended) == STREAMS, 10, "the end of all sessions is scraped")
        yield run


async def _play(url: str) -> list[Played]:
    loop = make_loop(read_speech(), MaterialKind.DIALOGUE)
    begin = time.monotonic() + 0.5

    async def one(number: int) -> Played:
        offset, times = loop.offset(number, STREAMS), ClientTimes()
        plan = StreamPlan(number, url, number * _STAGGER_S, offset)
        stream = LiveStream(plan, _FRAMES, partial(loop.frame, offset), times)
        return Played(await stream.run(begin + plan.delay_s, begin + _DEADLINE_S), times.late_s)

    return await asyncio.gather(*map(one, range(STREAMS)))


pytestmark = pytest.mark.timeout(120)


def test_all_was_well(measured: Run) -> None:
    """Sentences that were cut at the longest segment could not be compared: no client knows when that was."""
    assert [played.trace.ending.error for played in measured.played] == [None] * STREAMS
    reasons = {sentence.reason for played in measured.played for sentence in played.trace.locked}
    assert reasons == {"silence", "stop"}
    assert measured.total("asr_audio_lost_seconds_total") == 0


def test_counts_are_the_clients(measured: Run) -> None:
    assert measured.total(f"{FINALS}_count") == len(measured.latencies_s)
    assert measured.total('asr_gateway_frames_total{direction="up"}') == STREAMS * _FRAMES
    for audio in ("received", "finalized"):
        assert _agree(measured.total(f"asr_audio_{audio}_seconds_total"), STREAMS * SECONDS), audio


def test_the_mean_latency_of_finals_is_the_clients(measured: Run) -> None:
    mean_s = measured.total(f"{FINALS}_sum") / measured.total(f"{FINALS}_count")
    assert _agree(mean_s, float(np.mean(measured.latencies_s)))


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_quantiles_of_latency_are_the_clients_within_a_bucket(measured: Run, share: float) -> None:
    buckets = f"sum by (le) ({FINALS}_bucket)"
    said_s = measured.prometheus.value(f"histogram_quantile({share}, {buckets})")
    own_s = float(np.quantile(measured.latencies_s, share))
    low, high = next(borders for borders in pairwise((0.0, *LATENCY_BUCKETS_S)) if borders[1] >= said_s)
    assert abs(own_s - said_s) <= high - low, (own_s, said_s)


def test_concurrency_is_the_clients(measured: Run) -> None:
    connected = 'sum(asr_sessions_active{state="connected"})'
    assert measured.prometheus.value(f"max_over_time({connected}[3m:1s])") == STREAMS
    session_seconds = sum(played.trace.ending.ended_s for played in measured.played)
    assert _agree(measured.prometheus.value(f"sum_over_time({connected}[3m:1s])"), session_seconds)
    assert measured.prometheus.value('max_over_time(voxshard:sessions{state="speaking"}[3m])') > STREAMS / 2


def test_rtfx_is_the_clients_audio_over_the_time_computed(measured: Run) -> None:
    busy_s = measured.total("asr_compute_busy_seconds_total")
    rtfx = measured.prometheus.value("voxshard:rtfx:rate5m")
    assert _agree(rtfx, STREAMS * SECONDS / busy_s)


def _agree(said: float, measured: float) -> bool:
    return abs(said / measured - 1) <= 0.02
