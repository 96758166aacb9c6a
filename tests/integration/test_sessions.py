"""Many sessions on two workers: what each gets, what is counted, and that nothing of them stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, float_to_pcm16
from tests.support.exposition import Metrics
from tests.support.processes import Deployment, Plan
from tests.support.speech import say
from tests.support.texts import sentences
from tests.support.wire import (
    FRAME_BYTES,
    WireClient,
    eventually,
    frames,
    in_loop,
    spoken,
    whole_session,
    wire_client,
)

WORKERS = ("0", "1")
LINGERING = 30


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment(Plan(workers=len(WORKERS))) as deployment:
        yield deployment


@in_loop
async def test_six_sessions_at_once_equal_the_same_six_alone(deployment: Deployment) -> None:
    recordings = [float_to_pcm16(say(text)) for text in sentences()[:6]]
    alone = [await whole_session(deployment.url, pcm) for pcm in recordings]
    together = await asyncio.gather(*(whole_session(deployment.url, pcm) for pcm in recordings))
    assert [session.final["sentences"] for session in together] == [
        session.final["sentences"] for session in alone
    ]
    assert len({text for session in alone for text in session.texts}) == 6
    assert {session.worker for session in together} == set(WORKERS)


@pytest.mark.parametrize(("frame_bytes", "pause_s"), [(1_022, 0), (64_000, 0), (FRAME_BYTES, 0.02)])
@in_loop
async def test_text_depends_neither_on_the_cut_into_frames_nor_on_the_pace(
    deployment: Deployment, frame_bytes: int, pause_s: float
) -> None:
    url = f"{deployment.url}/?silence_schedule=inf:500"
    pcm = spoken(speech_ms=2_500, silence_ms=700) + spoken(speech_ms=1_200, silence_ms=300)
    usual = await whole_session(url, pcm)
    other = await whole_session(url, pcm, frame_bytes, pause_s)
    assert len(usual.texts) == 2
    assert other.final["sentences"] == usual.final["sentences"]


@in_loop
async def test_workers_are_listed_with_the_sessions_that_they_have(deployment: Deployment) -> None:
    placed: dict[str, set[str]] = {worker: set() for worker in WORKERS}
    async with AsyncExitStack() as connections:
        for number in range(6):
            url = f"{deployment.url}/?session_id=listed-{number}"
            client = await connections.enter_async_context(wire_client(url))
            started = await client.start()
            placed[started["worker"]].add(started["session_id"])
        await client.send_audio(spoken(speech_ms=1_000, silence_ms=0))
        await eventually(lambda: _shown_speaking(deployment) == (1, 1), 5, "one session speaks")
        rows = await asyncio.to_thread(deployment.rows)
        assert {row.id: row.sessions for row in rows.workers} == {"0": 3, "1": 3}
        assert [(row.id, row.sessions, row.state) for row in rows.gateways] == [("0", 6, "ready")]
        for worker in WORKERS:
            assert set(await asyncio.to_thread(deployment.sessions, worker)) == placed[worker]
    await eventually(lambda: _is_empty(deployment), 5, "no session is listed any more")


def _shown_speaking(deployment: Deployment) -> tuple[int, float]:
    """Sessions that speak, as the list of workers and as the metrics tell it."""
    shown = sum(row.speaking for row in deployment.rows().workers)
    return shown, deployment.metrics().total("asr_sessions_active", state="speaking")


async def _waiting(client: WireClient) -> None:
    """Connected, nothing said."""


async def _speaking(client: WireClient) -> None:
    await client.start()
    await client.send_audio(spoken(speech_ms=1_000, silence_ms=0))


async def _finishing(client: WireClient) -> None:
    await _speaking(client)
    await client.send("STOP")


@pytest.mark.parametrize("get_there", [_waiting, _speaking, _finishing])
@pytest.mark.parametrize("politely", [True, False])
@in_loop
async def test_dropped_connections_leave_nothing_behind(
    deployment: Deployment, get_there: Callable[[WireClient], Awaitable[None]], politely: bool
) -> None:
    async with AsyncExitStack() as connections:
        clients = [
            await connections.enter_async_context(wire_client(deployment.url)) for _ in range(LINGERING // 2)
        ]
        await asyncio.gather(*map(get_there, clients))
        metrics = await asyncio.to_thread(deployment.metrics)
        assert metrics.total("asr_gateway_connections", state="open") == LINGERING // 2
        if not politely:
            for client in clients:
                client.drop()
    await eventually(lambda: _is_empty(deployment), 5, "no connection and no session is counted any more")


def _is_empty(deployment: Deployment) -> bool:
    metrics = deployment.metrics()
    counted = metrics.total("asr_sessions_active") + metrics.total("asr_gateway_connections")
    listed = any(deployment.sessions(worker) for worker in WORKERS)
    return counted == 0 and not listed and all(row.sessions == 0 for row in deployment.rows().workers)


@in_loop
async def test_metrics_count_what_was_sent_and_what_became_of_it(deployment: Deployment) -> None:
    pcm = spoken(speech_ms=2_000, silence_ms=1_111) + spoken(speech_ms=1_500, silence_ms=333)
    before = await asyncio.to_thread(deployment.metrics)
    session = await whole_session(f"{deployment.url}/?silence_schedule=inf:600", pcm)
    after = await asyncio.to_thread(deployment.metrics)

    def grown(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    seconds = len(pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE
    assert grown("asr_audio_received_seconds_total") == pytest.approx(seconds)
    assert grown("asr_audio_finalized_seconds_total") == pytest.approx(seconds)
    assert grown("asr_audio_received_seconds_total", worker=session.worker) == pytest.approx(seconds)
    assert grown("asr_sessions_ended_total", outcome="stopped") == 1
    assert grown("asr_final_latency_seconds_count") == len(session.texts) == 2
    assert grown("asr_gateway_bytes_total", direction="up") == len(pcm)
    assert grown("asr_gateway_frames_total", direction="up") == len(frames(pcm, FRAME_BYTES))
    assert grown("asr_gateway_frames_total", direction="down") == len(session.messages)
    _check_rtfx(after, session.worker)


def _check_rtfx(metrics: Metrics, worker: str) -> None:
    settled = metrics.total("asr_audio_finalized_seconds_total", worker=worker)
    busy = metrics.total("asr_compute_busy_seconds_total", worker=worker)
    assert metrics.total("asr_rtfx", worker=worker) == pytest.approx(settled / busy)


# Rows of the streaming table and of the offline one, also where the row changes while the silence lasts.
@pytest.mark.parametrize(
    ("schedule", "speech_ms", "silence_ms"),
    [
        ("streaming", 2_000, 2_000),
        ("streaming", 4_000, 1_500),
        ("streaming", 7_000, 1_500),
        ("streaming", 9_300, 1_000),
        ("streaming", 12_000, 1_000),
        ("offline", 7_000, 2_000),
        ("offline", 12_000, 1_000),
    ],
)
@in_loop
async def test_segment_ends_after_the_silence_that_its_age_asks_for(
    deployment: Deployment, schedule: str, speech_ms: int, silence_ms: int
) -> None:
    pcm = spoken(speech_ms=speech_ms, silence_ms=2_500)
    session = await whole_session(f"{deployment.url}/?silence_schedule={schedule}", pcm)
    [sentence] = session.final["sentences"]
    assert sentence["reason"] == "silence"
    assert silence_ms <= sentence["endpoint"] - sentence["end"] <= silence_ms + 132
    assert abs(sentence["end"] - speech_ms) <= 100
