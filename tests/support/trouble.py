"""Live sessions while something happens to their workers: every transcript is that of an undisturbed session.

The scripted engine's text is a checksum of the audio it heard, so a lost, doubled or foreign sample shows.
What every message must keep to (numbers without a gap, locked text that stays) the clients check themselves.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from common.audio import float_to_pcm16
from tests.support.exposition import Metrics
from tests.support.processes import Deployment, Plan
from tests.support.speech import silence
from tests.support.wire import Message, Session, speech, whole_session

SEED: Final = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
WORKERS: Final = 4
PLAN: Final = Plan(workers=WORKERS)
SESSIONS: Final = 24
# Speech and the pause behind it; not in step with frames and hops.
TURNS_MS: Final = ((1_700, 700), (900, 600), (2_600, 800), (400, 900), (1_300, 650))
SCHEDULE: Final = "inf:500"
"""The silence schedule: each of these pauses ends a segment, no other does."""


@dataclass(frozen=True, slots=True)
class Outcome:
    sessions: list[Session]
    metrics: Metrics

    @property
    def moves(self) -> list[Message]:
        messages = [message for session in self.sessions for message in session.messages]
        return [message for message in messages if message.get("event") == "moved"]


Trouble = Callable[[Deployment, random.Random], Coroutine[Any, Any, None]]


def turns(number: int) -> bytes:
    """Each as loud as no other, so that nobody's text is anybody else's."""
    pieces = []
    for turn, (speech_ms, silence_ms) in enumerate(TURNS_MS):
        loudness = 1 - (number * len(TURNS_MS) + turn) / 400
        pieces += [loudness * speech(speech_ms), silence(silence_ms / 1_000)]
    return float_to_pcm16(np.concatenate(pieces))


async def run_under(trouble: Trouble, plan: Plan = PLAN) -> Outcome:
    rng = random.Random(SEED)
    with Deployment(plan) as deployment:
        url = f"{deployment.url}/?silence_schedule={SCHEDULE}"
        audio = [turns(number) for number in range(SESSIONS)]
        undisturbed = await asyncio.gather(*(whole_session(url, pcm) for pcm in audio))
        troubled = asyncio.create_task(trouble(deployment, rng))
        sessions = await asyncio.gather(*(whole_session(url, pcm, pause_s=0.1) for pcm in audio))
        await troubled
        metrics = await asyncio.to_thread(deployment.metrics)
    for number, (calm, session) in enumerate(zip(undisturbed, sessions, strict=True)):
        assert session.final["sentences"] == calm.final["sentences"], f"session {number}, CHAOS_SEED={SEED}"
        assert len(session.texts) == len(TURNS_MS)
        assert len(set(session.texts)) == len(session.texts)
    return Outcome(sessions, metrics)
