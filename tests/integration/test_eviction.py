"""A gateway that stands still loses its sessions after the session timeout, and is whole again afterwards."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.support.processes import Deployment, Plan
from tests.support.wire import eventually, in_loop, spoken, whole_session, wire_client

pytestmark = pytest.mark.fault


@in_loop
async def test_session_of_a_frozen_gateway_is_evicted() -> None:
    with Deployment(Plan(flags=("--session-timeout", "2"))) as deployment:
        gateway = deployment.child_pid("gateway-0")
        async with wire_client(deployment.url) as client:
            await client.start()
            await client.send_audio(spoken(speech_ms=1_000, silence_ms=0))
            os.kill(gateway, signal.SIGSTOP)
            try:
                await eventually(lambda: _evicted(deployment) == 1, 10, "the session is evicted")
                worker = await asyncio.to_thread(deployment.metrics, deployment.worker_url("0"))
                assert worker.total("asr_sessions_active") == 0
            finally:
                os.kill(gateway, signal.SIGCONT)
            error = await client.error()
            assert (error["code"], error["retryable"]) == ("session_evicted", True)
            assert await client.closed() == 1012
            assert not any(message.get("is_final") for message in client.messages)
        again = await whole_session(deployment.url, spoken(speech_ms=500, silence_ms=0))
        assert len(again.texts) == 1
        assert _evicted(deployment) == 1


def _evicted(deployment: Deployment) -> float:
    return deployment.metrics(deployment.worker_url("0")).total("asr_sessions_evicted_total")
