from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.loop_share import LoopShare

SHARE, BURST_S = 0.02, 0.02


def test_who_keeps_to_his_share_never_waits() -> None:
    share = LoopShare(SHARE, BURST_S, now=0.0)
    assert [share.spent(0.0003, now=number / 10) for number in range(1_000)] == [0.0] * 1_000


def test_a_burst_is_free_and_what_is_over_it_is_waited_for() -> None:
    share = LoopShare(SHARE, BURST_S, now=7.0)
    assert share.spent(BURST_S, now=8.0) == 0.0
    assert share.spent(0.01, now=8.0) == pytest.approx(0.01 / SHARE)


def test_who_is_new_has_half_of_a_burst() -> None:
    share = LoopShare(SHARE, BURST_S, now=7.0)
    assert share.spent(BURST_S / 2, now=7.0) == 0.0
    assert share.spent(0.01, now=7.0) == pytest.approx(0.01 / SHARE)


def test_ample_is_the_share_of_who_took_hardly_anything_lately() -> None:
    share = LoopShare(SHARE, BURST_S, now=0.0)
    assert not share.is_ample(now=0.2)
    assert share.is_ample(now=0.3)
    share.spent(0.004, now=1.0)
    assert share.is_ample(now=1.0)
    share.spent(0.002, now=1.0)
    assert not share.is_ample(now=1.0)
    assert share.is_ample(now=1.1)


def test_a_pause_earns_no_more_than_a_burst() -> None:
    share = LoopShare(SHARE, BURST_S, now=0.0)
    share.spent(BURST_S, now=0.0)
    assert share.spent(BURST_S + 0.01, now=1_000.0) == pytest.approx(0.01 / SHARE)


@given(st.lists(st.floats(0.0, 0.1), min_size=1))
def test_who_waits_as_he_is_told_takes_his_share_and_one_burst(spent_s: list[float]) -> None:
    share, now = LoopShare(SHARE, BURST_S, now=0.0), 0.0
    for seconds in spent_s:
        now += share.spent(seconds, now)
    assert sum(spent_s) <= BURST_S + SHARE * now + 1e-9
