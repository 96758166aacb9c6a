"""What a worker evicts because its gateway stands still, that gateway opens anew when it goes on."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.support.processes import Deployment, Plan
from tests.support.wire import eventually, in_loop, spoken, whole_session, wire_client

pytestmark = pytest.mark.fault


@in_loop
async def test_session_of_a_frozen_gateway_is_evicted_and_goes_on_afterwards() -> None:
    said = spoken(speech_ms=1_000, silence_ms=0)
    with Deployment(Plan(flags=("--session-timeout", "2"))) as deployment:
        gateway = deployment.child_pid("gateway-0")
        async with wire_client(deployment.url) as client:
            await client.start()
            await client.send_audio(said)
            os.kill(gateway, signal.SIGSTOP)
            try:
                await eventually(lambda: _evicted(deployment) == 1, 10, "the session is evicted")
                worker = await asyncio.to_thread(deployment.metrics, deployment.worker_url("0"))
                assert worker.total("asr_sessions_active") == 0
            finally:
                os.kill(gateway, signal.SIGCONT)
            await client.event("moved")
            sentences = (await client.stop())["sentences"]
        again = await whole_session(deployment.url, said)
        assert sentences == again.final["sentences"]
        assert len(sentences) == 1
        assert _evicted(deployment) == 1


def _evicted(deployment: Deployment) -> float:
    return deployment.metrics(deployment.worker_url("0")).total("asr_sessions_evicted_total")
