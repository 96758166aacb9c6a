"""Words that were said come back as text, through the whole system with the embedded engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import numpy as np
import pytest
import websockets

from common.audio import float_to_pcm16
from tests.support.processes import MOONSHINE, Deployment, Plan
from tests.support.speech import say
from tests.support.texts import normalised, sentences
from tests.support.wire import SENTENCE, in_loop, whole_session


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment(Plan(MOONSHINE, workers=2)) as deployment:
        yield deployment


@in_loop
async def test_client_of_the_original_guide_gets_the_words(deployment: Deployment) -> None:
    """As short as a client can be: no ids, no other events, frames of 1600 int16 samples."""
    pcm = (say(SENTENCE) * 32767).astype(np.int16)
    async with websockets.connect(deployment.url) as ws:
        await ws.send("START")
        await ws.recv()
        for i in range(0, len(pcm), 1600):
            await ws.send(pcm[i : i + 1600].tobytes())
        await ws.send("STOP")
        async for message in ws:
            data = json.loads(message)
            if data.get("is_final"):
                break
    assert [normalised(sentence["text"]) for sentence in data["sentences"]] == [normalised(SENTENCE)]


@in_loop
async def test_sessions_at_once_get_their_own_words(deployment: Deployment) -> None:
    said = sentences()[:4]
    sessions = await asyncio.gather(
        *(whole_session(deployment.url, float_to_pcm16(say(text))) for text in said)
    )
    assert [[normalised(text) for text in session.texts] for session in sessions] == [
        [normalised(text)] for text in said
    ]
    assert {session.worker for session in sessions} == {"0", "1"}


@in_loop
async def test_text_is_never_logged(deployment: Deployment) -> None:
    await whole_session(deployment.url, float_to_pcm16(say(SENTENCE)))
    assert "kitchen" not in deployment.logs.lower()
