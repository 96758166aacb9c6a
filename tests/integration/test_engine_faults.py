"""An engine that fails says so: no boot, no text, but never an empty text that looks like silence."""

from __future__ import annotations

import asyncio

import pytest

from common.ops_client import FetchFailed, fetch_text
from tests.support.processes import SCRIPTED, Deployment, Plan
from tests.support.wire import Message, WireClient, eventually, in_loop, spoken, whole_session, wire_client

pytestmark = pytest.mark.fault

# Too short for a partial, so that it takes one decode.
WORD = spoken(speech_ms=400, silence_ms=0)


@pytest.mark.parametrize(
    ("engine", "environ", "reason"),
    [
        ("no.such:engine", {}, "engine 'no.such:engine' cannot be loaded: No module named 'no'"),
        (SCRIPTED, {"SCRIPTED_ENGINE_BOOT": "fail"}, "the script says that this engine does not boot"),
    ],
)
def test_engine_that_cannot_boot_ends_serve_with_code_3_and_says_why(
    engine: str, environ: dict[str, str], reason: str
) -> None:
    deployment = Deployment(Plan(engine, environ=environ))
    try:
        deployment.start()
        assert deployment.wait_exit() == 3
        assert deployment.processes() == []
    finally:
        deployment.close()
    assert reason in deployment.logs
    last_line = deployment.logs.splitlines()[-1]
    assert last_line.startswith("voxshard serve: worker-0 could not boot (its own log says why)")
    assert "ready" not in deployment.output


@in_loop
async def test_a_decode_that_fails_once_is_tried_again_and_nobody_notices() -> None:
    with Deployment(Plan(environ={"SCRIPTED_ENGINE_FAIL_AFTER": "2"})) as deployment:
        pid = deployment.child_pid("worker-0")
        async with wire_client(deployment.url) as other, wire_client(deployment.url) as unlucky:
            await other.start()
            expected = (await whole_session(deployment.url, WORD)).texts
            await unlucky.start()
            await unlucky.send_audio(WORD)
            assert _texts(await unlucky.stop()) == expected
            assert [message.get("event") for message in unlucky.messages].count("moved") == 1
            await other.send_audio(WORD)
            assert _texts(await other.stop()) == expected
            assert not any(message.get("event") == "moved" for message in other.messages)
        assert deployment.child_pid("worker-0") == pid


@in_loop
async def test_a_decode_that_fails_again_ends_its_session_alone() -> None:
    with Deployment(Plan(environ={"SCRIPTED_ENGINE_FAIL_FROM": "2"})) as deployment:
        pid = deployment.child_pid("worker-0")
        async with wire_client(deployment.url) as other, wire_client(deployment.url) as unlucky:
            await other.start()
            await whole_session(deployment.url, WORD)
            await unlucky.start()
            await unlucky.send_audio(WORD)
            await unlucky.send("STOP")
            await _fails(unlucky)
            await other.send("KEEPALIVE")
            other.drop()
        assert deployment.child_pid("worker-0") == pid


@in_loop
async def test_sessions_outlive_a_dead_engine() -> None:
    # The slow boot leaves time to see what clients get while there is no worker.
    environ = {"SCRIPTED_ENGINE_DIES_AFTER": "2", "SCRIPTED_ENGINE_BOOT_MS": "1000"}
    with Deployment(Plan(environ=environ)) as deployment:
        pid = deployment.child_pid("worker-0")
        async with wire_client(deployment.url) as silent, wire_client(deployment.url) as speaker:
            await silent.start()
            expected = (await whole_session(deployment.url, WORD)).texts
            await speaker.start()
            await speaker.send_audio(WORD)
            await speaker.send("STOP")
            degraded = await speaker.event("degraded")
            assert (degraded["keeps_s"], degraded["eta_s"] >= 1) == (120, True)
            await silent.event("degraded")
            assert _waiting(deployment) == 2
            with pytest.raises(FetchFailed, match="answered 503"):
                fetch_text(f"{deployment.http_url}/readyz", 5)
            async with wire_client(deployment.url) as newcomer:
                await newcomer.send("START")
                error = await newcomer.error()
                assert (error["code"], error["retryable"]) == ("no_worker", True)
                assert await newcomer.closed() == 1013
            final = await speaker.receive_until(lambda message: bool(message.get("is_final")))
            assert _texts(final) == expected
            assert (await silent.event("moved"))["worker"] == "0"
        await eventually(lambda: _ready_pid(deployment) not in (None, pid), 10, "another worker is ready")
        assert _waiting(deployment) == 0


@in_loop
async def test_what_kills_two_engines_is_not_given_to_a_third() -> None:
    # Each process dies of its first decode, this one's and the next one's.
    with Deployment(Plan(workers=3, environ={"SCRIPTED_ENGINE_DIES_AFTER": "1"})) as deployment:
        async with wire_client(deployment.url) as poisoner:
            await poisoner.start()
            await poisoner.send_audio(WORD)
            await poisoner.send("STOP")
            await _fails(poisoner)
        children = await asyncio.to_thread(deployment.children)
        assert sum(child.restarts for child in children.values()) <= 2
        await eventually(lambda: _ready_pid(deployment) is not None, 10, "there is a worker")
        assert [row.state for row in deployment.rows().workers].count("ready") >= 1


async def _fails(client: WireClient) -> None:
    error = await client.error()
    assert (error["code"], error["retryable"]) == ("engine_failed", True)
    assert await client.closed() == 1011
    assert not any(message.get("is_final") for message in client.messages)


def _texts(result: Message) -> list[str]:
    return [sentence["text"] for sentence in result["sentences"]]


def _waiting(deployment: Deployment) -> float:
    """Sessions without a worker."""
    return deployment.metrics().total("asr_gateway_connections", state="waiting")


def _ready_pid(deployment: Deployment) -> int | None:
    """Of the first worker, if it is ready."""
    row = deployment.rows().workers[0]
    return row.pid if row.state == "ready" else None
