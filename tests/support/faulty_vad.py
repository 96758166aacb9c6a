"""The scripted engine, in a worker whose detector raises at `poisoned` audio:
`--engine tests.support.faulty_vad:scripted`."""

from __future__ import annotations

import os
from typing import Final

import numpy as np
import numpy.typing as npt

from common.settings import Settings
from tests.support.engines import ScriptedEngine, script_from
from worker.vad.base import VadState
from worker.vad.silero import SileroVad

# Of a click of `poisoned`, however it falls on hops.
_PART_OF_A_CLICK: Final = 16

_forward = SileroVad.forward


def _faulty(
    self: SileroVad, hops: npt.NDArray[np.float32], states: list[VadState]
) -> tuple[list[float], list[VadState]]:
    if np.any(np.count_nonzero(hops <= -1.0, axis=1) >= _PART_OF_A_CLICK):
        raise RuntimeError("the script says that this audio cannot be heard")
    return _forward(self, hops, states)


def scripted(settings: Settings) -> ScriptedEngine:
    SileroVad.forward = _faulty  # type: ignore[method-assign]
    return ScriptedEngine(script_from(os.environ))
