from __future__ import annotations

from cli.doctor.checks.engine import DetectorFacts, EngineFacts, check_detector, check_engine
from cli.doctor.finding import Cause
from common.settings import load_settings


def test_an_engine_that_starts_is_well() -> None:
    assert list(check_engine(load_settings({}, {}), EngineFacts())) == []


def test_the_embedded_engine_is_installed_again_and_another_one_is_looked_at() -> None:
    facts = EngineFacts("FileNotFoundError: no model folder")
    [embedded] = check_engine(load_settings({}, {}), facts)
    [other] = check_engine(load_settings({"engine": "mine:create"}, {}), facts)
    assert embedded.cause is other.cause is Cause.ENGINE_BROKEN
    assert "no model folder" in embedded.found and "reinstall" in embedded.do
    assert "--engine" in other.do


def test_a_detector_that_can_be_made_is_well() -> None:
    assert list(check_detector(load_settings({}, {}), DetectorFacts())) == []


def test_the_embedded_detector_is_installed_again_and_another_one_is_looked_at() -> None:
    [embedded] = check_detector(load_settings({}, {}), DetectorFacts("no onnxruntime"))
    [other] = check_detector(load_settings({"vad": "fsmn"}, {}), DetectorFacts("no model"))
    assert embedded.cause is other.cause is Cause.DETECTOR_BROKEN
    assert "reinstall" in embedded.do and "--vad-model" in other.do
