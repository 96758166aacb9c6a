"""Engines for tests, chosen by `--engine tests.support.engines:scripted`: known text, faults on order.

They run inside real workers, so environment variables tell them what to do:

SCRIPTED_ENGINE_DELAY_MS     each decode takes so long.
SCRIPTED_ENGINE_LANES        so many decodes at a time; 1 if not given.
SCRIPTED_ENGINE_FAIL_AFTER   the n-th decode of the process raises `EngineError`, only that one.
SCRIPTED_ENGINE_FAIL_FROM    the n-th decode and all after it do.
SCRIPTED_ENGINE_DIES_AFTER   the n-th decode of the process raises `EngineDead`.
SCRIPTED_ENGINE_POISON       what `poisoned` audio does to the process: `exit`, `hang`, or a signal by name;
                             with `refuse` it does nothing, but its decode raises `EngineError`.
SCRIPTED_ENGINE_BOOT         `fail`: the engine does not start.
SCRIPTED_ENGINE_BOOT_MS      starting takes so long.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from common.audio import SAMPLES_PER_MS, Samples, float_to_pcm16
from common.settings import Settings
from worker.engines.base import EngineCapabilities, EngineDead, EngineError, Hypothesis, TranscribeRequest
from worker.engines.words import TimedWord

FIRST_WORD: Final = "heard"
"""Every text begins with it; a client may have it replaced."""
_CLICK_SAMPLES: Final = 32
_FOR_GOOD_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class EngineScript:
    """What the engine does beside answering; calls are counted from 1, 0 stands for never."""

    delay_s: float = 0.0
    lanes: int = 1
    failing_call: int = 0
    failing_from: int = 0
    deadly_call: int = 0
    poison: str = ""
    boots: bool = True
    boot_s: float = 0.0


def scripted_text(audio: Samples) -> str:
    """A function of the window alone: its length and a checksum of its samples."""
    checksum = zlib.crc32(float_to_pcm16(audio))
    return f"{FIRST_WORD} {len(audio) // SAMPLES_PER_MS} ms {checksum:08x}"


def poisoned(pcm: bytes) -> bytes:
    """PCM16 with a click in its middle that no voice makes."""
    middle = len(pcm) // 4 * 2
    return pcm[:middle] + b"\x00\x80" * _CLICK_SAMPLES + pcm[middle:]


def is_poisoned(audio: Samples) -> bool:
    return bool(np.count_nonzero(audio <= -1.0) >= _CLICK_SAMPLES)


def _die(how: str) -> None:
    """In the middle of the event loop, as a fault of native code would."""
    if how == "exit":
        os._exit(1)
    if how == "refuse":
        raise EngineError("the script says that no decode of this audio succeeds")
    if how == "hang":
        time.sleep(_FOR_GOOD_S)
    os.kill(os.getpid(), signal.Signals[how])


def scripted_words(text: str) -> tuple[TimedWord, ...]:
    """A tenth of a second for each word."""
    return tuple(
        TimedWord(word, number / 10, (number + 1) / 10, 1.0) for number, word in enumerate(text.split())
    )


class ScriptedEngine:
    """Answers with `scripted_text`, so many requests at a time as the script has lanes."""

    def __init__(self, script: EngineScript) -> None:
        # Beyond the longest row of both silence schedules.
        self.capabilities = EngineCapabilities(max_segment_ms=120_000, max_in_flight=script.lanes)
        self._script = script
        self._calls = 0

    async def start(self) -> None:
        await asyncio.sleep(self._script.boot_s)
        if not self._script.boots:
            raise RuntimeError("the script says that this engine does not boot")

    def fresh_memory(self) -> None:
        """Remembers nothing."""

    async def room(self) -> int:
        return self._script.lanes

    def check(self) -> None:
        """Dies only when the script says so."""

    async def transcribe(self, request: TranscribeRequest) -> Hypothesis:
        self._calls += 1
        if self._script.poison and is_poisoned(request.audio):
            _die(self._script.poison)
        await asyncio.sleep(self._script.delay_s)
        if self._calls == self._script.failing_call or 0 < self._script.failing_from <= self._calls:
            raise EngineError("the script says that this decode fails")
        if self._calls == self._script.deadly_call:
            raise EngineDead("the script says that the engine is dead")
        text = scripted_text(request.audio)
        return Hypothesis(text, self._script.delay_s, scripted_words(text) if request.timestamps else None)

    async def close(self) -> None:
        """Holds nothing."""


def scripted(settings: Settings) -> ScriptedEngine:
    return ScriptedEngine(script_from(os.environ))


def script_from(environ: Mapping[str, str]) -> EngineScript:
    return EngineScript(
        delay_s=_number(environ, "DELAY_MS") / 1000,
        lanes=_number(environ, "LANES") or 1,
        failing_call=_number(environ, "FAIL_AFTER"),
        failing_from=_number(environ, "FAIL_FROM"),
        deadly_call=_number(environ, "DIES_AFTER"),
        poison=environ.get("SCRIPTED_ENGINE_POISON", ""),
        boots=environ.get("SCRIPTED_ENGINE_BOOT") != "fail",
        boot_s=_number(environ, "BOOT_MS") / 1000,
    )


def _number(environ: Mapping[str, str], name: str) -> int:
    return int(environ.get(f"SCRIPTED_ENGINE_{name}", "0"))
