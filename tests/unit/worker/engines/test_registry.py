from __future__ import annotations

import subprocess
import sys

import pytest

from common.settings import Settings
from tests.support.held_engine import HeldEngine
from worker.engines.registry import ENGINES, UnknownEngine, create_engine, may_use_card


def held(settings: Settings) -> HeldEngine:
    """A factory as engines have it."""
    return HeldEngine(max_in_flight=settings.workers)


def test_a_name_with_a_colon_is_a_module_and_its_factory() -> None:
    engine = create_engine(Settings(engine=f"{__name__}:held", workers=7))
    assert isinstance(engine, HeldEngine)
    assert engine.capabilities.max_in_flight == 7


def test_registered_names_lead_to_modules_of_this_package() -> None:
    assert "moonshine" in ENGINES
    assert all(entry.path.startswith("worker.engines.") for entry in ENGINES.values())


def test_the_default_engine_is_registered() -> None:
    engine = create_engine(Settings())
    assert engine.capabilities.max_segment_ms == 20_000


@pytest.mark.parametrize(
    ("name", "may"), [("moonshine", False), ("fun-asr-nano", True), ("mine:create", None)]
)
def test_what_is_known_of_engines_and_cards(name: str, may: bool | None) -> None:
    assert may_use_card(name) is may


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("whisper", "no engine is called 'whisper'; there are: moonshine"),
        ("", "no engine is called ''"),
        ("module:", "no engine is called 'module:'"),
        (":create", "no engine is called ':create'"),
        ("no.such.module:create", "engine 'no.such.module:create' cannot be loaded: No module named 'no'"),
        ("worker.engines.base:create", "has no attribute 'create'"),
        (".relative:create", "cannot be loaded"),
    ],
)
def test_a_name_that_leads_nowhere_is_an_error_that_says_why(name: str, message: str) -> None:
    with pytest.raises(UnknownEngine, match=message):
        create_engine(Settings(engine=name))


def test_no_engine_is_imported_before_it_is_chosen() -> None:
    script = "import sys, worker.engines.registry; print('moonshine' in ' '.join(sys.modules))"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
