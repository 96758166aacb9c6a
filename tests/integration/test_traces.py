"""Traces of real sessions at a collector, whatever becomes of workers, connections and the collector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from common.audio import BYTES_PER_SAMPLE
from tests.support.engines import FIRST_WORD
from tests.support.otlp_receiver import OtlpReceiver, Received, otlp_receiver
from tests.support.ports import free_ports
from tests.support.processes import Deployment, Plan
from tests.support.redis_server import RedisServer
from tests.support.wire import eventually, in_loop, spoken, whole_session, wire_client

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

SCHEDULE: Final = "?silence_schedule=inf:500"
TURN: Final = spoken(speech_ms=1_500, silence_ms=900)
# Two sentences, of which the second is cut off in its middle by whatever happens.
PCM: Final = TURN + TURN
SAID: Final = len(TURN) + len(TURN) // 4 * 2
# Delivered at once, and to this machine whatever proxies it knows.
SOON: Final = {"OTEL_BSP_SCHEDULE_DELAY": "100", "NO_PROXY": "127.0.0.1"}
CLIENT_TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
CLIENT_SPAN: Final = "b7ad6b7169203331"


@pytest.fixture(scope="module")
def collector() -> Iterator[OtlpReceiver]:
    with otlp_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def deployment(redis: RedisServer, collector: OtlpReceiver) -> Iterator[Deployment]:
    flags = ("--proxied", "--otlp-endpoint", collector.url, "--idle-timeout", "5")
    environ = {**SOON, "VOXSHARD_REDIS_URL": redis.url}
    with Deployment(Plan(workers=2, gateways=2, flags=flags, environ=environ)) as served:
        yield served


async def all_of(collector: OtlpReceiver, session: str, name: str, count: int) -> list[Received]:
    """So many spans of that name, and no more, once they have come."""
    await eventually(lambda: len(collector.of(session, name)) >= count, 10, f"{count} spans called {name}")
    spans = collector.of(session, name)
    assert len(spans) == count, spans
    return spans


@in_loop
async def test_a_session_is_a_span_with_one_below_it_for_each_utterance(
    deployment: Deployment, collector: OtlpReceiver
) -> None:
    whole = await whole_session(deployment.live_urls[0] + SCHEDULE, PCM)
    [session] = await all_of(collector, whole.id, "session", 1)
    utterances = await all_of(collector, whole.id, "utterance", 2)
    segments = await all_of(collector, whole.id, "segment", 2)
    assert (session.process, session.parent, session.outcome) == ("voxshard-gateway", "", "stopped")
    assert session.attributes["session.id"] == whole.id
    assert session.attributes["voxshard.dialect"] == "start_stop"
    assert [span.parent for span in utterances] == [session.id] * 2
    assert [span.attributes["voxshard.segment"] for span in utterances] == [0, 1]
    assert [span.attributes["voxshard.reason"] for span in utterances] == ["silence"] * 2
    # What the worker did is below the utterance that it did it for.
    assert [(span.process, span.parent) for span in segments] == [
        ("voxshard-worker", utterance.id) for utterance in utterances
    ]
    for span in segments:
        assert span.happened[0] == "speech"
        assert {"decode", "decoded"} <= set(span.happened)
    assert {span.outcome for span in (*utterances, *segments)} == {"locked"}
    assert collector.paths == {"/v1/traces"}


@in_loop
async def test_it_is_part_of_the_trace_that_its_client_names(
    deployment: Deployment, collector: OtlpReceiver
) -> None:
    headers = {"traceparent": f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-01"}
    async with wire_client(deployment.live_urls[0] + SCHEDULE, headers) as client:
        session_id = (await client.start())["session_id"]
        await client.send_audio(TURN)
        await client.stop()
    [session] = await all_of(collector, session_id, "session", 1)
    [segment] = await all_of(collector, session_id, "segment", 1)
    assert (session.trace, session.parent) == (CLIENT_TRACE, CLIENT_SPAN)
    assert segment.trace == CLIENT_TRACE


@in_loop
async def test_a_client_whose_trace_is_not_kept_has_none_here(
    deployment: Deployment, collector: OtlpReceiver
) -> None:
    headers = {"traceparent": f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-00"}
    async with wire_client(deployment.live_urls[0] + SCHEDULE, headers) as client:
        left_out = (await client.start())["session_id"]
        await client.send_audio(TURN)
        await client.stop()
    kept = (await whole_session(deployment.live_urls[0] + SCHEDULE, TURN)).id
    await all_of(collector, kept, "session", 1)
    await all_of(collector, kept, "segment", 1)
    assert left_out not in {span.attributes.get("session.id") for span in collector.all}


@in_loop
async def test_why_a_session_was_ended_is_its_outcome(
    deployment: Deployment, collector: OtlpReceiver
) -> None:
    async with wire_client(deployment.live_urls[0]) as client:
        session_id = (await client.start())["session_id"]
        assert await client.closed() == 4408
    [session] = await all_of(collector, session_id, "session", 1)
    assert (session.outcome, session.is_error) == ("idle_timeout", False)


@in_loop
async def test_an_utterance_outlives_its_worker(deployment: Deployment, collector: OtlpReceiver) -> None:
    async with wire_client(deployment.live_urls[0] + SCHEDULE) as client:
        started = await client.start()
        await client.send_audio(PCM[:SAID], pause_s=0.01)
        await client.receive_until(lambda message: bool(message.get("sentences") and message["partial"]))
        killed = str(started["worker"])
        deployment.kill(f"worker-{killed.rpartition(':')[2]}")
        successor = (await client.event("moved"))["worker"]
        await client.send_audio(PCM[SAID:])
        await client.stop()
    [session] = await all_of(collector, started["session_id"], "session", 1)
    utterances = await all_of(collector, started["session_id"], "utterance", 2)
    for span in (session, utterances[1]):
        lost, moved = (event for event in span.events if event.name != "opened")
        assert (lost.name, moved.name) == ("leaves worker", "moved")
        assert (lost.attributes["voxshard.reason"], lost.attributes["voxshard.worker"]) == ("link", killed)
        assert lost.attributes["voxshard.replayed_ms"] > 0
        assert moved.attributes["voxshard.worker"] == successor
    assert utterances[0].events == ()

    def by_the_successor() -> list[Received]:
        segments = collector.of(started["session_id"], "segment")
        return [span for span in segments if span.attributes["voxshard.epoch"] == 2]

    # What the killed worker had not delivered yet is lost.
    await eventually(by_the_successor, 10, "a segment of the worker that took it up")
    assert [span.parent for span in by_the_successor()] == [utterances[1].id]


@in_loop
async def test_whoever_resumes_a_session_goes_on_with_its_trace(
    deployment: Deployment, collector: OtlpReceiver
) -> None:
    one, other = deployment.live_urls
    async with wire_client(one + SCHEDULE) as client:
        started = await client.start()
        await client.send_audio(PCM[:SAID], pause_s=0.01)
        await client.receive_until(lambda message: bool(message.get("sentences") and message["partial"]))
        client.drop()
    async with wire_client(other) as client:
        await client.send(f"RESUME:{started['resume_token']}")
        ack = (await client.event("resumed"))["ack"]
        await client.send_audio(PCM[ack * BYTES_PER_SAMPLE :])
        await client.stop()
    first, second = await all_of(collector, started["session_id"], "session", 2)
    utterances = await all_of(collector, started["session_id"], "utterance", 3)
    assert (second.trace, second.parent) == (first.trace, first.id)
    assert (first.outcome, second.outcome) == ("client", "stopped")
    assert [span.attributes["voxshard.resumed"] for span in (first, second)] == [False, True]
    # The one that was cut off is that of both: begun here, locked there.
    assert [(span.parent, span.attributes["voxshard.segment"], span.outcome) for span in utterances] == [
        (first.id, 0, "locked"),
        (first.id, 1, "client"),
        (second.id, 1, "locked"),
    ]


@in_loop
async def test_no_span_says_what_was_said(deployment: Deployment, collector: OtlpReceiver) -> None:
    whole = await whole_session(deployment.live_urls[0] + SCHEDULE, PCM)
    assert all(text.startswith(FIRST_WORD) for text in whole.texts)
    await all_of(collector, whole.id, "session", 1)
    for span in collector.all:
        for values in (span.attributes, *(event.attributes for event in span.events)):
            assert FIRST_WORD not in str(values)


def test_a_collector_that_is_away_is_no_matter_to_sessions() -> None:
    [nobody] = free_ports(1)
    flags = ("--otlp-endpoint", f"http://127.0.0.1:{nobody}")
    with Deployment(Plan(flags=flags, environ=SOON)) as deployment:

        @in_loop
        async def sessions() -> None:
            whole = await whole_session(deployment.url + SCHEDULE, PCM)
            assert len(whole.texts) == 2
            await eventually(lambda: failed() > 0, 20, "it was tried")

        def failed() -> float:
            return deployment.metrics().total("asr_gateway_spans_total", outcome="failed")

        sessions()
        assert deployment.terminate() == 0
        assert deployment.logs.count("gateway-0: traces are not delivered") == 1
        assert "Traceback" not in deployment.logs
