from __future__ import annotations

from dataclasses import replace

import pytest

from cli.doctor.checks.libraries import LibraryFacts, check_libraries
from cli.doctor.finding import Cause
from common.settings import load_settings

WELL = LibraryFacts(
    installed={"torch": "2.13.0+cu130", "transformers": "5.1.0"},
    wanted=(
        "torch==2.13.0",
        "transformers>=4.57",
        "torch<2; extra == 'old'",
        "absent>3",
        "no requirement at all",
    ),
    torch_cuda=(13, 0),
    driver=(13, 0),
)


def causes(facts: LibraryFacts, device: str = "cuda") -> list[Cause]:
    settings = load_settings({"engine": "fun-asr-nano", "device": device}, {})
    return [told.cause for told in check_libraries(settings, facts)]


def test_libraries_that_fit_are_well() -> None:
    assert causes(WELL) == []


def test_who_lacks_some_is_told_nothing_else() -> None:
    assert causes(replace(WELL, missing=("vllm",), driver=None)) == [Cause.PACKAGES_MISSING]


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        (replace(WELL, unsupported="vLLM 0.19 is installed"), Cause.VLLM_UNSUPPORTED),
        (replace(WELL, installed={"torch": "2.11.0"}), Cause.VERSIONS_CLASH),
        (replace(WELL, torch_cuda=None), Cause.TORCH_WITHOUT_CUDA),
        (replace(WELL, driver=(12, 9)), Cause.DRIVER_TOO_OLD),
        (replace(WELL, driver=None, driver_trouble="Driver Not Loaded"), Cause.DRIVER_MISSING),
    ],
)
def test_each_fault_has_its_name(facts: LibraryFacts, cause: Cause) -> None:
    assert causes(facts) == [cause]


def test_within_a_major_version_an_older_driver_does() -> None:
    assert causes(replace(WELL, torch_cuda=(13, 2))) == []


def test_without_a_card_no_cuda_is_needed() -> None:
    nothing = replace(WELL, torch_cuda=None, driver=None)
    assert causes(nothing, "cpu") == causes(nothing, "auto") == []
