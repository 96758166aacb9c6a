from __future__ import annotations

from typing import Any

import pytest

from common.settings import Settings
from worker import device
from worker.device import NoCard, check_card


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver knows of card 0 alone."""
    monkeypatch.setattr(device, "lacks_card", lambda name, _: name == "cuda:7")


@pytest.mark.parametrize(
    "settings",
    [
        {"engine": "moonshine", "device": "cuda:7"},
        {"engine": "mine:create", "device": "cuda:7"},
        {"engine": "fun-asr-nano", "device": "cuda"},
        {"engine": "fun-asr-nano"},
    ],
)
def test_nobody_is_bothered_who_needs_no_card_or_has_it(settings: dict[str, Any], no_card: None) -> None:
    check_card(Settings(**settings), {})


def test_a_card_that_is_not_there_is_told_with_what_to_do(no_card: None) -> None:
    with pytest.raises(NoCard, match=r"^there is no card for --device cuda:7: nvidia-smi -L lists them;"):
        check_card(Settings(engine="fun-asr-nano", device="cuda:7"), {})
