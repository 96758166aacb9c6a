"""Moonshine tiny, the embedded engine: English, on the CPU, its model inside its package."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from common.audio import SAMPLE_RATE, ms_to_samples
from common.settings import Settings
from worker.engines.base import EngineCapabilities, EngineDead, EngineError, Hypothesis, TranscribeRequest
from worker.pipeline.effects import DecodeKind

# Read when the library makes its sessions: one thread each. A second one doubles the CPU time of a decode
# and saves none of its wall time.
os.environ.setdefault("MOONSHINE_ORT_SINGLE_THREAD", "1")

# Word error rate 0.02 at 23 s of audio, 0.44 at 37 s: the model was trained on short clips.
MAX_SEGMENT_MS: Final = 20_000
# Two transcribers, so that the final of a long segment (0.9 s of work at 20 s) holds no partial up. One
# transcriber serialises its calls.
LANES: Final = 2
# A word that begins with the first sample is misheard; a little silence in front mends it.
_LEAD_SAMPLES: Final = ms_to_samples(100)
# Audio that ends with the last sound of a sentence tempts it to say more: of 60 sentences without any silence
# behind them, 4 of 518 words were wrong, and none with this behind them.
_TAIL_SAMPLES: Final = ms_to_samples(200)
# It learned from old books: to-day, to-night, to-morrow.
_OLD_SPELLING: Final = re.compile(r"\b(to)-(day|night|morrow)\b", re.IGNORECASE)
# The library's own VAD would cut the segment again; there is one VAD in this house.
_OPTIONS: Final = {"vad_threshold": "0", "return_audio_data": "false"}


def create(settings: Settings) -> MoonshineEngine:
    return MoonshineEngine(settings.model)


class MoonshineEngine:
    """Lanes that decode side by side; calls release the interpreter lock."""

    capabilities = EngineCapabilities(max_segment_ms=MAX_SEGMENT_MS, max_in_flight=LANES)

    def __init__(self, model: str | None) -> None:
        self._model = Path(model) if model else None
        self._threads = ThreadPoolExecutor(LANES, thread_name_prefix="moonshine")
        self._lanes: list[Any] = []

    async def start(self) -> None:
        transcribers = [await self._in_thread(_load, self._model) for _ in range(LANES)]
        self._lanes = transcribers
        # The canary: an engine that cannot decode silence must not become ready. As long as segments
        # get, so that all memory is claimed at the start and not with the first long segment.
        longest = TranscribeRequest(np.zeros(ms_to_samples(MAX_SEGMENT_MS), np.float32), DecodeKind.FINAL)
        await asyncio.gather(*(self.transcribe(longest) for _ in range(LANES)))

    def fresh_memory(self) -> None:
        """Every window is decoded anew."""

    async def room(self) -> int:
        return LANES

    def check(self) -> None:
        """It runs in this process, and dies with it."""

    async def transcribe(self, request: TranscribeRequest) -> Hypothesis:
        hypothesis: Hypothesis = await self._in_thread(self._in_lane, request)
        return hypothesis

    async def close(self) -> None:
        lanes, self._lanes = self._lanes, []
        for transcriber in lanes:
            await self._in_thread(transcriber.close)
        self._threads.shutdown(wait=True)

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _in_lane(self, request: TranscribeRequest) -> Hypothesis:
        """On one of as many threads as there are transcribers, so there is always one to take."""
        if not self._lanes:
            raise EngineDead("the model is not loaded")
        transcriber = self._lanes.pop()
        try:
            began = time.perf_counter()
            text = _transcribe(transcriber, request)
            return Hypothesis(text, time.perf_counter() - began)
        finally:
            self._lanes.append(transcriber)


def _load(model: Path | None) -> Any:
    from moonshine_voice import ModelArch, Transcriber, get_assets_path  # noqa: PLC0415

    folder = model or Path(get_assets_path()) / "tiny-en"
    if not folder.is_dir():
        raise FileNotFoundError(f"no model folder at {folder}")
    return Transcriber(folder, ModelArch.TINY, options=_OPTIONS)


def _transcribe(transcriber: Any, request: TranscribeRequest) -> str:
    """As `Transcriber.transcribe_without_streaming`, which takes a list and boxes every sample of it: 40 ms
    with the interpreter lock held for 20 s of audio. The pin to 0.1.0 makes this safe."""
    from moonshine_voice.errors import MoonshineError, check_error  # noqa: PLC0415
    from moonshine_voice.moonshine_api import TranscriptC  # noqa: PLC0415

    tail = _TAIL_SAMPLES if request.is_final else 0
    audio = np.pad(request.audio, (_LEAD_SAMPLES, tail))
    transcript = ctypes.POINTER(TranscriptC)()
    pointer = audio.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    status = transcriber._lib.moonshine_transcribe_without_streaming(
        transcriber._handle, pointer, len(audio), SAMPLE_RATE, 0, ctypes.byref(transcript)
    )
    try:
        check_error(status)
    except MoonshineError as error:
        raise EngineError(str(error)) from error
    text = " ".join(line.text.strip() for line in transcriber._parse_transcript(transcript).lines)
    return _OLD_SPELLING.sub(r"\1\2", text)
