"""Spoken sessions through nginx: what Prometheus says of them is what their client has measured itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
import pytest

from bench.live_material import FRAME_MS, FRAME_SAMPLES, MaterialKind, make_loop
from bench.speech import read_speech
from common.audio import ms_to_samples
from common.metrics import FINAL_BUCKETS_S
from tests.support.processes import MOONSHINE, wait_until
from tests.support.prometheus import Prometheus
from tests.support.stamped_socket import stamped_connection
from tests.support.topology import running_topology
from tests.support.wire import Message, WireClient, wire_client

STREAMS: Final = 8
SECONDS: Final = 12
PROCESSES: Final = 5
# Gateways and workers; the supervisor is one of the processes, too.
SERVING: Final = 4
FINALS: Final = "asr_final_latency_seconds"
CONNECTED: Final = 'asr_sessions_active{state="connected"}'
_FRAMES: Final = SECONDS * 1_000 // FRAME_MS
# Streams do not begin together, so that their sentences do not end together.
_STAGGER_S: Final = 0.11
# A busy machine may be so far behind with the text.
_ANSWER_WITHIN_S: Final = 30.0
# As long as a scrape may take: the value is read some time after the time that it is filed under.
_SCRAPE_S: Final = 1.0


@dataclass(slots=True)
class Spoken:
    """One session as its client saw it; `began_at` and `ended_at` are Unix times."""

    worker: str
    began_at: float
    ended_at: float = 0.0
    messages: int = 1
    sent_at: list[float] = field(default_factory=list)
    sentences: list[tuple[Message, float]] = field(default_factory=list)

    @property
    def latencies_s(self) -> list[float]:
        return [heard_at - self._waited_since(sentence) for sentence, heard_at in self.sentences]

    def _waited_since(self, sentence: Message) -> float:
        """When STOP, or the frame with the last sound, was sent."""
        if sentence["reason"] == "stop":
            return self.sent_at[_FRAMES]
        return self.sent_at[(ms_to_samples(sentence["end"]) - 1) // FRAME_SAMPLES]


@dataclass(frozen=True, slots=True)
class Run:
    """Nothing has happened in this topology but this."""

    prometheus: Prometheus
    spoken: Sequence[Spoken]

    @property
    def latencies_s(self) -> list[float]:
        return [latency for session in self.spoken for latency in session.latencies_s]

    def total(self, series: str) -> float:
        return self.prometheus.value(f"sum({series})")

    def open_sessions(self, worker: str, at: float) -> range:
        """How many its client may have had with this worker when it was scraped at that Unix time."""
        mine = [session for session in self.spoken if session.worker == worker]
        whole = sum(one.began_at < at - _SCRAPE_S and one.ended_at > at + _SCRAPE_S for one in mine)
        partly = sum(one.began_at < at + _SCRAPE_S and one.ended_at > at - _SCRAPE_S for one in mine)
        return range(whole, partly + 1)


@pytest.fixture(scope="module")
def measured() -> Iterator[Run]:
    with running_topology(engine=MOONSHINE) as plan:
        prometheus = Prometheus(plan.prometheus_url)
        wait_until(lambda: prometheus.all_up(PROCESSES), 15, "all are scraped")
        spoken = asyncio.run(_all_speak(plan.live_url))
        _wait_for_figures(prometheus)
        yield Run(prometheus, spoken)


def _wait_for_figures(prometheus: Prometheus) -> None:
    """Processes are scraped one after another, and rules are evaluated in between: until each of them has
    been since now, some figures are older than others."""

    def newer(series: str, than: float) -> bool:
        return prometheus.value(f"count(timestamp({series}) > {than}) or vector(0)") >= 1

    def scraped(than: float) -> bool:
        times = f'timestamp(process_start_time_seconds{{job="voxshard"}}) > {than}'
        return prometheus.value(f"count({times}) or vector(0)") == SERVING

    ended_at = time.time()
    wait_until(lambda: scraped(ended_at), 15, "all are scraped after the end")
    scraped_at = time.time()
    wait_until(lambda: newer("voxshard:rtfx:rate5m", scraped_at), 15, "rules are evaluated after that")


async def _all_speak(url: str) -> list[Spoken]:
    loop = make_loop(read_speech(), MaterialKind.DIALOGUE)

    async def one(number: int) -> Spoken:
        await asyncio.sleep(number * _STAGGER_S)
        offset = loop.offset(number, STREAMS)
        return await _speak(url, [loop.frame(offset, frame) for frame in range(_FRAMES)])

    return await asyncio.gather(*map(one, range(STREAMS)))


async def _speak(url: str, frames: Sequence[bytes]) -> Spoken:
    connection = stamped_connection(url)
    async with wire_client(url, over=connection) as client, asyncio.TaskGroup() as tasks:
        started = await client.start()
        session = Spoken(started["worker"], time.time())
        tasks.create_task(_send(client, frames, session.sent_at))
        while (message := await client.receive(_ANSWER_WITHIN_S)).get("event") != "stopped":
            new = message.get("sentences", [])[len(session.sentences) :]
            session.sentences += [(sentence, connection.came_at) for sentence in new]
        session.ended_at = time.time()
        session.messages = len(client.messages)
        return session


async def _send(client: WireClient, frames: Sequence[bytes], sent_at: list[float]) -> None:
    """Each when its last sample has been spoken, then STOP."""
    began = time.monotonic()
    for number, frame in enumerate(frames, 1):
        await asyncio.sleep(began + number * FRAME_MS / 1_000 - time.monotonic())
        sent_at.append(time.monotonic())
        await client.send(frame)
    sent_at.append(time.monotonic())
    await client.send("STOP")


pytestmark = pytest.mark.timeout(120)


def test_counts_are_the_clients(measured: Run) -> None:
    assert measured.total(f"{FINALS}_count") == len(measured.latencies_s)
    assert measured.total('asr_gateway_frames_total{direction="up"}') == STREAMS * _FRAMES
    heard = sum(session.messages for session in measured.spoken)
    assert measured.total('asr_gateway_frames_total{direction="down"}') == heard
    assert measured.total('asr_sessions_ended_total{outcome="stopped"}') == STREAMS
    assert measured.total("asr_audio_lost_seconds_total") == 0


@pytest.mark.parametrize("audio", ["received", "finalized"])
def test_audio_is_the_clients(measured: Run, audio: str) -> None:
    assert _agree(measured.total(f"asr_audio_{audio}_seconds_total"), STREAMS * SECONDS)


def test_the_mean_latency_of_finals_is_the_clients(measured: Run) -> None:
    mean_s = measured.total(f"{FINALS}_sum") / measured.total(f"{FINALS}_count")
    assert _agree(mean_s, float(np.mean(measured.latencies_s)))


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_quantiles_of_latency_are_in_the_clients_bucket(measured: Run, share: float) -> None:
    buckets = f"sum by (le) ({FINALS}_bucket)"
    said_s = measured.prometheus.value(f"histogram_quantile({share}, {buckets})")
    # The method with the rank that Prometheus looks for.
    own_s = float(np.quantile(measured.latencies_s, share, method="inverted_cdf"))
    low, high = next(borders for borders in pairwise((0.0, *FINAL_BUCKETS_S)) if borders[1] >= said_s)
    assert low * 0.98 <= own_s <= high * 1.02, said_s


def test_concurrency_is_the_clients(measured: Run) -> None:
    assert measured.prometheus.value(f"max_over_time(sum({CONNECTED})[3m:1s])") == STREAMS
    for scraped in measured.prometheus.samples(f"{CONNECTED}[3m]"):
        worker = scraped.labels["worker"]
        wrong = [
            (at, value) for at, value in scraped.timed if value not in measured.open_sessions(worker, at)
        ]
        assert not wrong, worker
    assert measured.prometheus.value('max_over_time(voxshard:sessions{state="speaking"}[3m])') > STREAMS / 2


def test_rtfx_is_the_clients_audio_over_the_time_computed(measured: Run) -> None:
    busy_s = measured.total("asr_compute_busy_seconds_total")
    rtfx = measured.prometheus.value("voxshard:rtfx:rate5m")
    assert _agree(rtfx, STREAMS * SECONDS / busy_s)


def _agree(said: float, measured: float) -> bool:
    return abs(said / measured - 1) <= 0.02
