from __future__ import annotations

from dataclasses import replace

import pytest

from cli.doctor.checks.model import ModelFacts, check_model
from cli.doctor.finding import Cause
from common.settings import load_settings

SETTINGS = load_settings({"engine": "fun-asr-nano", "model": "/models/nano"}, {})
WELL = ModelFacts("/models/nano", target="/models/nano/voxshard", needed=2**31, free=2**40)


@pytest.mark.parametrize(
    ("facts", "causes"),
    [
        (WELL, []),
        (ModelFacts("A/B", fetched=True), [Cause.MODEL_NOT_HERE]),
        (ModelFacts("/models/nano", missing=True), [Cause.MODEL_MISSING]),
        (ModelFacts("", missing=True), [Cause.MODEL_MISSING]),
        (ModelFacts("/models/nano", incomplete="config.yaml missing"), [Cause.MODEL_INCOMPLETE]),
        (ModelFacts("/models/nano", forbidden="/models/nano/model.pt"), [Cause.MODEL_FORBIDDEN]),
        (replace(WELL, prepared=False), [Cause.MODEL_UNPREPARED]),
        (replace(WELL, prepared=False, target_trouble="it holds something else"), [Cause.CANNOT_PREPARE]),
        (replace(WELL, prepared=False, free=2**30), [Cause.NO_SPACE_TO_PREPARE]),
        (replace(WELL, free=0), []),
        # Made again from what is broken it would be no better.
        (replace(WELL, prepared=False, broken=(("/models/nano/model.pt", "cut"),)), [Cause.WEIGHTS_BROKEN]),
    ],
)
def test_each_fault_has_its_name(facts: ModelFacts, causes: list[Cause]) -> None:
    assert [told.cause for told in check_model(SETTINGS, facts)] == causes


def test_what_was_prepared_is_made_again_and_what_was_published_is_fetched_again() -> None:
    broken = (("/models/nano/model.pt", "cut"), ("/models/nano/voxshard/audio.safetensors", "cut"))
    published, prepared = check_model(SETTINGS, replace(WELL, broken=broken))
    assert published.do == "fetch /models/nano/model.pt again"
    assert prepared.do == "rm -r /models/nano/voxshard && voxshard worker prepare /models/nano"
