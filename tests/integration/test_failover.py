"""Workers are killed and stopped under live sessions: every transcript is that of an undisturbed session.

The scripted engine's text is a checksum of the audio it heard, so a lost, doubled or foreign sample shows.
What every message must keep to (numbers without a gap, locked text that stays) the clients check themselves.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

import numpy as np
import pytest

from common.audio import float_to_pcm16
from common.ops_client import FetchFailed
from tests.support.processes import Deployment, Plan
from tests.support.speech import silence
from tests.support.wire import Message, Session, in_loop, speech, whole_session

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

SEED: Final = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
WORKERS: Final = 4
SESSIONS: Final = 24
# Different sounds and lengths, so that nobody's text is anybody else's.
TURNS_MS: Final = ((1_700, 700), (900, 600), (2_600, 800), (400, 900), (1_300, 650))
SCHEDULE: Final = "inf:500"


Trouble = Callable[[Deployment, random.Random], Coroutine[Any, Any, None]]


def turns(number: int) -> bytes:
    pieces = []
    for turn, (speech_ms, silence_ms) in enumerate(TURNS_MS):
        loudness = 1 - (number * len(TURNS_MS) + turn) / 400
        pieces += [loudness * speech(speech_ms), silence(silence_ms / 1_000)]
    return float_to_pcm16(np.concatenate(pieces))


async def run_under(
    trouble: Callable[[Deployment, random.Random], Coroutine[Any, Any, None]],
) -> list[Session]:
    rng = random.Random(SEED)
    with Deployment(Plan(workers=WORKERS)) as deployment:
        url = f"{deployment.url}/?silence_schedule={SCHEDULE}"
        audio = [turns(number) for number in range(SESSIONS)]
        undisturbed = await asyncio.gather(*(whole_session(url, pcm) for pcm in audio))
        troubled = asyncio.create_task(trouble(deployment, rng))
        sessions = await asyncio.gather(*(whole_session(url, pcm, pause_s=0.1) for pcm in audio))
        await troubled
    for number, (calm, session) in enumerate(zip(undisturbed, sessions, strict=True)):
        assert session.final["sentences"] == calm.final["sentences"], f"session {number}, CHAOS_SEED={SEED}"
        assert len(session.texts) == len(TURNS_MS)
        assert len(set(session.texts)) == len(session.texts)
    return sessions


def moves(sessions: list[Session]) -> list[Message]:
    return [
        message for session in sessions for message in session.messages if message.get("event") == "moved"
    ]


@in_loop
async def test_nothing_is_lost_or_said_twice_while_workers_are_killed() -> None:
    async def kill(deployment: Deployment, rng: random.Random) -> None:
        for _ in range(14):
            await asyncio.sleep(rng.uniform(0.3, 1.0))
            try:
                await asyncio.to_thread(deployment.kill, f"worker-{rng.randrange(WORKERS)}")
            except (AssertionError, FetchFailed, ProcessLookupError):
                # That one is not there at the moment.
                continue

    assert len(moves(await run_under(kill))) >= SESSIONS // 2


@in_loop
async def test_a_worker_that_stands_still_loses_its_sessions_and_says_nothing_afterwards() -> None:
    async def stop(deployment: Deployment, rng: random.Random) -> None:
        await asyncio.sleep(rng.uniform(1.0, 2.0))
        pid = await asyncio.to_thread(deployment.child_pid, f"worker-{rng.randrange(WORKERS)}")
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(6.0)
        finally:
            os.kill(pid, signal.SIGCONT)

    # Each of its sessions moves once.
    moved = [message["session_id"] for message in moves(await run_under(stop))]
    assert moved
    assert len(set(moved)) == len(moved)
