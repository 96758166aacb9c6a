"""However the supervisor ends, nothing that it started outlives it."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.support.processes import Deployment, Plan
from tests.support.wire import eventually, in_loop, spoken, wire_client

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@in_loop
async def test_signal_ends_everything_with_code_0_once_clients_have_their_text(
    number: signal.Signals,
) -> None:
    with Deployment(Plan(workers=2)) as deployment:
        async with wire_client(deployment.url) as client:
            await client.start()
            await client.send_audio(spoken(speech_ms=1_000, silence_ms=0))
            ending = asyncio.create_task(asyncio.to_thread(deployment.terminate, number))
            assert await client.closed() == 1012
            assert await ending == 0
        final, error = client.messages[-2:]
        assert final["is_final"] and len(final["sentences"]) == 1
        assert (error["code"], error["retryable"]) == ("restarting", True)
        assert deployment.processes() == []
        assert list(deployment.run_dir.iterdir()) == []


@in_loop
async def test_client_that_does_not_answer_the_close_does_not_hold_the_end_up() -> None:
    with Deployment(Plan()) as deployment:
        async with wire_client(deployment.url) as client:
            with client.reading_nothing():
                began = time.monotonic()
                assert await asyncio.to_thread(deployment.terminate) == 0
                assert time.monotonic() - began < 9


@in_loop
async def test_killed_supervisor_leaves_no_process() -> None:
    with Deployment(Plan(workers=2)) as deployment:
        assert len(deployment.processes()) == 4
        await asyncio.to_thread(deployment.terminate, signal.SIGKILL)
        await eventually(lambda: not deployment.processes(), 10, "its children have ended too")
