"""Moonshine tiny, the embedded engine: English, on the CPU, its model inside its package."""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from common.audio import SAMPLE_RATE, ms_to_samples
from common.settings import Settings
from worker.engines.base import EngineCapabilities, EngineDead, EngineError, Hypothesis, TranscribeRequest

# Read when the library makes its sessions: one thread each. A second one doubles the CPU time of a decode
# and saves none of its wall time.
os.environ.setdefault("MOONSHINE_ORT_SINGLE_THREAD", "1")

# Word error rate 0.02 at 23 s of audio, 0.44 at 37 s: the model was trained on short clips.
MAX_SEGMENT_MS: Final = 20_000
# A word that begins with the first sample is misheard; a little silence in front mends it.
_LEAD_SAMPLES: Final = ms_to_samples(100)
# The library's own VAD would cut the segment again; there is one VAD in this house.
_OPTIONS: Final = {"vad_threshold": "0", "return_audio_data": "false"}


def create(settings: Settings) -> MoonshineEngine:
    return MoonshineEngine(settings.model)


class MoonshineEngine:
    """One transcriber and the one thread that may touch it; calls release the interpreter lock."""

    capabilities = EngineCapabilities(max_segment_ms=MAX_SEGMENT_MS, max_in_flight=1)

    def __init__(self, model: Path | None) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="moonshine")
        self._transcriber: Any = None

    async def start(self) -> None:
        await self._in_thread(self._load)
        # The canary: an engine that cannot decode a second of silence must not become ready.
        await self.transcribe(TranscribeRequest(np.zeros(SAMPLE_RATE, np.float32), is_final=True))

    async def transcribe(self, request: TranscribeRequest) -> Hypothesis:
        if self._transcriber is None:
            raise EngineDead("the model is not loaded")
        hypothesis: Hypothesis = await self._in_thread(self._transcribe, request)
        return hypothesis

    async def close(self) -> None:
        if self._transcriber is not None:
            await self._in_thread(self._transcriber.close)
            self._transcriber = None
        self._thread.shutdown(wait=True)

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _load(self) -> None:
        from moonshine_voice import ModelArch, Transcriber, get_assets_path  # noqa: PLC0415

        folder = self._model or Path(get_assets_path()) / "tiny-en"
        if not folder.is_dir():
            raise FileNotFoundError(f"no model folder at {folder}")
        self._transcriber = Transcriber(folder, ModelArch.TINY, options=_OPTIONS)

    def _transcribe(self, request: TranscribeRequest) -> Hypothesis:
        began = time.perf_counter()
        audio = np.concatenate([np.zeros(_LEAD_SAMPLES, np.float32), request.audio])
        text = " ".join(line.text.strip() for line in self._lines(audio))
        return Hypothesis(text, time.perf_counter() - began)

    def _lines(self, audio: Any) -> list[Any]:
        """As `Transcriber.transcribe_without_streaming`, which takes a list and boxes every sample of it:
        40 ms with the interpreter lock held for 20 s of audio. The pin to 0.1.0 makes this safe."""
        from moonshine_voice.errors import MoonshineError, check_error  # noqa: PLC0415
        from moonshine_voice.moonshine_api import TranscriptC  # noqa: PLC0415

        inside = self._transcriber
        transcript = ctypes.POINTER(TranscriptC)()
        pointer = np.ascontiguousarray(audio, np.float32).ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        status = inside._lib.moonshine_transcribe_without_streaming(
            inside._handle, pointer, len(audio), SAMPLE_RATE, 0, ctypes.byref(transcript)
        )
        try:
            check_error(status)
        except MoonshineError as error:
            raise EngineError(str(error)) from error
        return list(inside._parse_transcript(transcript).lines)
