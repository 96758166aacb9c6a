from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.settings import Settings
from worker import cores
from worker.cores import LEAST_CORES, cores_for, pin_to_cores

CORES = st.sets(st.integers(0, 255), min_size=1, max_size=128).map(sorted)
COUNTS = st.integers(1, 16)
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="cores are Linux' own")


class Pinned(Exception):
    """The cores that this process would be pinned to."""


@pytest.fixture
def sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host of 16 cores without a quota, on which nobody is really pinned."""

    def pin(pid: int, chosen: tuple[int, ...]) -> None:
        raise Pinned(pid, chosen)

    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    monkeypatch.setattr(os, "sched_setaffinity", pin)
    monkeypatch.setattr(cores, "_quota_cores", lambda: float("inf"))


@given(CORES, COUNTS, st.integers(0, 8))
def test_shares_are_equal_disjoint_and_allowed(allowed: list[int], workers: int, gateways: int) -> None:
    shares = [cores_for(index, workers, gateways, allowed) for index in range(workers)]
    given = [share for share in shares if share is not None]
    assert len(given) in (0, workers)
    assert len({len(share) for share in given}) <= 1
    assert all(len(share) >= LEAST_CORES for share in given)
    taken = [core for share in given for core in share]
    assert len(set(taken)) == len(taken)
    assert set(taken) <= set(allowed)
    if given:
        assert len(allowed) - len(taken) >= gateways


@given(CORES, COUNTS, st.integers(0, 8))
def test_nobody_is_left_unpinned_where_there_are_enough(
    allowed: list[int], workers: int, gateways: int
) -> None:
    enough = len(allowed) >= gateways + LEAST_CORES * workers
    assert (cores_for(0, workers, gateways, allowed) is not None) is enough


def test_a_share_is_a_run_of_neighbours_without_the_first_cores() -> None:
    shares = [cores_for(index, 3, 1, range(16)) for index in range(3)]
    assert shares == [(11, 12, 13, 14, 15), (6, 7, 8, 9, 10), (1, 2, 3, 4, 5)]


def test_a_worker_that_is_none_of_these_has_no_share() -> None:
    assert cores_for(2, 2, 1, range(16)) is None
    assert cores_for(0, 0, 1, range(16)) is None


@pytest.mark.usefixtures("sixteen")
def test_this_process_is_pinned_to_its_share() -> None:
    with pytest.raises(Pinned) as pinned:
        pin_to_cores(Settings(workers=2, gateways=2), 1)
    assert pinned.value.args == (0, (2, 3, 4, 5, 6, 7, 8))


@pytest.mark.usefixtures("sixteen")
def test_nothing_is_pinned_against_the_operators_will() -> None:
    pin_to_cores(Settings(workers=2, pin_cores=False), 0)


@pytest.mark.usefixtures("sixteen")
def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    pin_to_cores(Settings(workers=2), 0)


@pytest.mark.usefixtures("sixteen")
def test_too_few_cores_are_said_and_not_shared(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        pin_to_cores(Settings(workers=8, gateways=1), 0)
    assert caplog.messages == ["not pinned: too few cores"]


@pytest.mark.usefixtures("sixteen")
def test_under_a_quota_others_may_have_the_same_cores(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cores, "_quota_cores", lambda: 8.0)
    with caplog.at_level(logging.INFO):
        pin_to_cores(Settings(workers=2), 0)
    assert caplog.messages == ["not pinned: a CPU quota, others may use the same cores"]


@pytest.mark.parametrize(
    ("text", "expected"), [("max 100000\n", float("inf")), ("150000 100000\n", 1.5), (None, float("inf"))]
)
def test_quota_of_the_control_group(text: str | None, expected: float, tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    if text is not None:
        file.write_text(text)
    assert cores._quota_cores(file) == expected
