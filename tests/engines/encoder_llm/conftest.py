"""Tiny checkpoints with random weights, and the engine that runs them, each made once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bench.checkpoints import TINY, build_fun_asr_nano
from tests.support.nano_engine import NanoEngine, make_random, started
from tests.support.nano_serving import serving
from tests.support.processes import Deployment
from worker.engines.encoder_llm.checkpoint import open_checkpoint
from worker.engines.encoder_llm.prepare import prepare
from worker.environment import set_defaults

# As in a worker, and before torch is imported.
set_defaults(os.environ)
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")

HERE: Final = Path(__file__).parent
COUNTING: Final = "counting"
RANDOM: Final = "random"
# What torch, vLLM, transformers and funasr say about themselves and each other; ours still are errors.
_NOT_OURS: Final = (
    "ignore::DeprecationWarning:(?!tests|worker|common|bench)",
    "ignore::FutureWarning:(?!tests|worker|common|bench)",
    "ignore::UserWarning:(?!tests|worker|common|bench)",
    "ignore::SyntaxWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            for text in _NOT_OURS:
                item.add_marker(pytest.mark.filterwarnings(text))


@pytest.fixture(scope="session")
def counting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared; says four words for each second of audio, then ends."""
    return _prepared(build_fun_asr_nano(tmp_path_factory.mktemp(COUNTING) / "model", TINY))


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared; says anything, seldom ends, and the least difference in its input changes its text."""
    folder = tmp_path_factory.mktemp(RANDOM) / "model"
    return _prepared(make_random(build_fun_asr_nano(folder, TINY, tokens_per_second=None)))


@pytest.fixture(scope="session")
def nano(counting_model: Path) -> Iterator[NanoEngine]:
    """The engine on the counting model. It outlives the tests: leave nothing in it."""
    with started(counting_model) as engine:
        yield engine


@pytest.fixture(scope="session")
def random_nano(random_model: Path) -> Iterator[NanoEngine]:
    """The engine on the random model."""
    with started(random_model) as engine:
        yield engine


@pytest.fixture(scope="session")
def deployment(counting_model: Path) -> Iterator[Deployment]:
    """The whole product on the counting model. Tests that break it wait until it is whole again."""
    with serving(counting_model) as system:
        yield system


def _prepared(folder: Path) -> Path:
    prepare(open_checkpoint(folder))
    return folder
