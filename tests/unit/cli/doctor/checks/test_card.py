from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cli.doctor.checks.card import (
    GIB,
    Card,
    CardFacts,
    ComputeMode,
    MpsFacts,
    check_card,
    worker_bytes,
)
from cli.doctor.finding import Cause
from common.settings import load_settings

CARD = Card("NVIDIA H200", total=141 * GIB, free=140 * GIB, mode=ComputeMode.DEFAULT)
DAEMON = MpsFacts("/tmp/nvidia-mps", owner=1000)
WELL = CardFacts(CARD, under_mps=True, mps=DAEMON, user=1000, weights=2 * GIB)


def causes(facts: CardFacts, **flags: Any) -> list[Cause]:
    settings = load_settings({"engine": "fun-asr-nano", "workers": 3, **flags}, {})
    return [told.cause for told in check_card(settings, facts)]


def test_a_free_card_under_mps_is_well() -> None:
    assert causes(WELL) == []


def test_a_worker_takes_cache_weights_and_what_is_beside() -> None:
    assert worker_bytes(load_settings({"kv_cache_gib": 4.0}, {}), 2 * GIB) == 11 * GIB


def test_a_card_that_is_not_there() -> None:
    assert causes(CardFacts(None), device="cuda:7") == [Cause.CARD_MISSING]


def test_the_last_worker_needs_its_share_behind_all_others() -> None:
    # 0.3 of 141 GiB, behind two workers of 11 GiB.
    assert causes(replace(WELL, card=replace(CARD, free=65 * GIB))) == []
    assert causes(replace(WELL, card=replace(CARD, free=64 * GIB))) == [Cause.CARD_MEMORY]
    assert causes(replace(WELL, card=replace(CARD, free=64 * GIB)), gpu_memory_utilization=0.2) == []


def test_other_processes_are_worth_a_note_and_the_reason_for_too_little_memory() -> None:
    used = replace(CARD, processes=("77 python",))
    assert causes(replace(WELL, card=used)) == [Cause.CARD_SHARED]
    settings = load_settings({"engine": "fun-asr-nano"}, {})
    [told] = check_card(settings, replace(WELL, card=replace(used, free=GIB)))
    assert told.cause is Cause.CARD_MEMORY and "77 python" in told.found


@pytest.mark.parametrize(
    ("mode", "under_mps", "expected"),
    [
        (ComputeMode.EXCLUSIVE_PROCESS, True, []),
        (ComputeMode.EXCLUSIVE_PROCESS, False, [Cause.COMPUTE_MODE]),
        (ComputeMode.EXCLUSIVE_THREAD, False, [Cause.COMPUTE_MODE]),
        (ComputeMode.PROHIBITED, True, [Cause.COMPUTE_MODE]),
        (ComputeMode.DEFAULT, False, []),
    ],
)
def test_compute_modes(mode: ComputeMode, under_mps: bool, expected: list[Cause]) -> None:
    facts = replace(WELL, card=replace(CARD, mode=mode), under_mps=under_mps, mps=None)
    assert causes(facts) == expected


@pytest.mark.parametrize(
    ("mps", "expected"),
    [
        (replace(DAEMON, trouble="Cannot find MPS control daemon process"), Cause.MPS_DEAD),
        (MpsFacts("/nowhere", owner=None, trouble="it failed"), Cause.MPS_DEAD),
        (replace(DAEMON, owner=1001), Cause.MPS_OTHER_USER),
        (replace(DAEMON, owner=1001, trouble="it failed"), Cause.MPS_OTHER_USER),
        (replace(DAEMON, owner=0, trouble="it failed"), Cause.MPS_DEAD),
    ],
)
def test_daemons(mps: MpsFacts, expected: Cause) -> None:
    assert causes(replace(WELL, mps=mps)) == [expected]


def test_mps_that_is_wanted_and_cannot_be_had() -> None:
    assert causes(replace(WELL, mps=None, refused="it is not installed")) == [Cause.MPS_UNUSABLE]
