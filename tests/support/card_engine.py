"""The scripted engine as if it computed on a card: a client of the daemon that `fake_mps` plays.

At SIGUSR1 it meets a fault that all on the card meet.

FAKE_MPS_DETACHED=yes   it gets the card in turns, as CUDA does it where it reaches no daemon: without a word.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.mps.canary import Song
from common.settings import Settings
from tests.support.engines import ScriptedEngine, script_from
from worker.engines.base import CardLost, Hypothesis, TranscribeRequest
from worker.mps_control import CONTROL, PIPES_VARIABLE

FAKE: Final = Path(__file__).parent / "fake_mps"
ENGINE: Final = "tests.support.card_engine:create"
_FAULT: Final = "fault"


def with_fake_mps(**more: str) -> dict[str, str]:
    """Environment in which that daemon is found."""
    assert (FAKE / CONTROL).exists()
    return {"PATH": f"{FAKE}:{os.environ['PATH']}", **more}


def plant_fault(pipes: Path) -> None:
    """From now on every call of CUDA fails, until the daemon is started anew."""
    (pipes / _FAULT).touch()


class CardEngine(ScriptedEngine):
    def __init__(self, pipes: Path, attaches: bool) -> None:
        super().__init__(script_from(os.environ))
        self.capabilities = replace(self.capabilities, device="cuda:0")
        self._pipes = pipes
        self._attaches = attaches

    async def start(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, plant_fault, self._pipes)
        if (self._pipes / _FAULT).exists():
            raise RuntimeError("CUDA error: MPS server is not ready to accept new MPS client requests")
        if self._attaches:
            (self._pipes / f"client-{os.getpid()}").touch()
        await super().start()

    def check(self) -> None:
        if (self._pipes / _FAULT).exists():
            raise CardLost("CUDA error: device-side assert triggered")

    async def transcribe(self, request: TranscribeRequest) -> Hypothesis:
        self.check()
        hypothesis = await super().transcribe(request)
        self.check()
        return hypothesis


def create(settings: Settings) -> CardEngine:
    detached = os.environ.get("FAKE_MPS_DETACHED") == "yes"
    return CardEngine(Path(os.environ[PIPES_VARIABLE]), not detached)


def canary(claim_gib: float) -> Song:
    """As if it had computed on the card."""
    pipes = Path(os.environ[PIPES_VARIABLE])
    if pipes.exists():
        (pipes / f"client-{os.getpid()}").touch()
    return Song(os.getpid(), 0.001, 132, True if claim_gib else None)
