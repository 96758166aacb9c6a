"""The whole product on a tiny checkpoint: clients, gateway, worker, vLLM."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import pytest

from tests.support.processes import Deployment
from tests.support.wire import Message, Session, spoken, whole_session, wire_client

pytestmark = pytest.mark.timeout(600)

Result = TypeVar("Result")

SPOKEN: Final = spoken(speech_ms=4_000, silence_ms=1_000)
# So much silence that its final is decoded ahead, and goes on from nothing that partials agreed on.
ENDED: Final = spoken(speech_ms=4_000, silence_ms=1_600)
SESSIONS: Final = 20
_WITHIN_S: Final = 120.0


def test_a_session_gets_partials_and_one_final(deployment: Deployment) -> None:
    async def scenario() -> Session:
        # In real time: a client that sends faster gets finals only.
        return await whole_session(deployment.url, SPOKEN, pause_s=0.1)

    session = bounded(scenario())
    [text] = session.texts
    assert len(text.split()) == pytest.approx(4 * 4.3, abs=3)
    partials = [message["partial"] for message in session.messages if message.get("partial")]
    assert len(partials) >= 3
    assert all(partial.strip() for partial in partials)


@pytest.mark.parametrize("pause_s", [0.0, 0.1])
def test_the_same_audio_gives_the_same_text_whoever_else_speaks(
    deployment: Deployment, pause_s: float
) -> None:
    async def scenario() -> list[Session]:
        alone = await whole_session(deployment.url, ENDED)
        many = (whole_session(deployment.url, ENDED, pause_s=pause_s) for _ in range(SESSIONS))
        return [alone, *await asyncio.gather(*many)]

    texts = {tuple(session.texts) for session in bounded(scenario())}
    assert len(texts) == 1


def test_sessions_with_hotwords_of_their_own_are_decoded_together(deployment: Deployment) -> None:
    async def scenario() -> None:
        clients = [one_with_hotwords(deployment, f"word {number},Voxshard") for number in range(SESSIONS)]
        finals = await asyncio.gather(*clients)
        assert all(final["sentences"][0]["text"] for final in finals)

    bounded(scenario())
    metrics = deployment.metrics(deployment.worker_url("0"))
    # Finals, or speculations that became finals; and partials, as these came in real time.
    assert metrics.total("asr_decode_queue_seconds_count") > 2 * SESSIONS


async def one_with_hotwords(deployment: Deployment, hotwords: str) -> Message:
    async with wire_client(deployment.url) as client:
        await client.send(f"HOTWORDS:{hotwords}")
        await client.start()
        await client.send_audio(SPOKEN, pause_s=0.1)
        return await client.stop()


def test_a_client_that_asks_for_times_gets_them_with_the_final(deployment: Deployment) -> None:
    async def scenario() -> None:
        async with wire_client(deployment.url) as client:
            await client.send("TIMESTAMPS:true")
            await client.start()
            await client.send_audio(SPOKEN)
            final = await client.stop()
            [sentence] = final["sentences"]
            assert sentence["words"]
            assert [word["text"] for word in sentence["words"]] == sentence["text"].split()

    bounded(scenario())


def test_clients_that_vanish_leave_nothing_behind(deployment: Deployment) -> None:
    async def scenario() -> None:
        for _ in range(5):
            async with wire_client(deployment.url) as client:
                await client.start()
                await client.send_audio(SPOKEN, pause_s=0.002)
                client.drop()
        session = await whole_session(deployment.url, SPOKEN)
        assert all(session.texts)

    bounded(scenario())


def bounded(scenario: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(asyncio.wait_for(scenario, _WITHIN_S))
