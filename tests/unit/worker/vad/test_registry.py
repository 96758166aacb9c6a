from __future__ import annotations

import sys
from pathlib import Path

import pytest

from worker.pipeline.hop import SILERO_LAG
from worker.vad.registry import VadUnusable, create_vad
from worker.vad.silero import SileroVad


def test_a_detector_is_made_by_its_name() -> None:
    detector = create_vad("silero", None)
    assert isinstance(detector, SileroVad)
    assert detector.lag is SILERO_LAG


def test_without_its_packages_fsmn_says_which_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "worker.vad.fsmn", None)
    with pytest.raises(VadUnusable, match="needs the packages torch and funasr"):
        create_vad("fsmn", Path("model"))
