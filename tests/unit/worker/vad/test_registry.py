from __future__ import annotations

import sys
from pathlib import Path

import pytest

from worker.pipeline.hop import SILERO_LAG
from worker.vad.registry import UnknownVad, create_vad
from worker.vad.silero import SileroVad


def test_a_detector_is_made_by_its_name() -> None:
    detector = create_vad("silero", None)
    assert isinstance(detector, SileroVad)
    assert detector.lag is SILERO_LAG


@pytest.mark.parametrize("name", ["", "fsmn-vad", "Silero"])
def test_an_unknown_name_is_an_error_that_names_what_there_is(name: str) -> None:
    with pytest.raises(UnknownVad, match=f"{name!r}; there are: silero, fsmn"):
        create_vad(name, None)


def test_silero_takes_no_other_model() -> None:
    with pytest.raises(UnknownVad, match="silero comes with its model"):
        create_vad("silero", Path("model"))


def test_without_its_packages_fsmn_says_which_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "worker.vad.fsmn", None)
    with pytest.raises(UnknownVad, match="needs the packages torch and funasr"):
        create_vad("fsmn", Path("model"))
