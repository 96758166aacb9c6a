from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from bench.mps.checks import checks_of, warm_single_s
from bench.mps.record import Fault, Round, Sessions, Start

GOOD_ROUND = Round("canary", attached=True)
SESSIONS = Sessions(
    streams=40,
    lost=0,
    errors={},
    changed=0,
    skipped=0,
    sentences=200,
    speech_s=4_000.0,
    unheard_s=0.1,
    gap_s=60.0,
    moved=40,
    waited=40,
    replayed_s=900.0,
)
FAULT = Fault(
    6, "worker-5", first_ready_s=60.0, sessions=SESSIONS, healthy={"name": "NVIDIA H200"}, canary_error=0.002
)


def started(workers: int, each_s: float = 40.0) -> Start:
    ready_s = tuple(each_s * number for number in range(1, workers + 1))
    return Start(workers, ready_s, ready_s[-1], workers, 2 * workers, 2 * workers, "ACTIVE")


def failing(
    rounds: Sequence[Round] = (), starts: Sequence[Start] = (), fault: Fault | None = None
) -> list[str]:
    return [check.name for check in checks_of(rounds, starts, fault, ()) if not check.holds]


def test_a_measurement_in_which_all_holds() -> None:
    starts = [started(workers) for workers in (1, 1, 2, 3, 4)]
    checks = checks_of([GOOD_ROUND] * 20, starts, FAULT, ())
    assert all(check.holds for check in checks)
    assert checks[0].found == "20 of 20"
    assert next(check for check in checks if check.name == "start of 4 workers").wanted == "<= 240.0 s"


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD_ROUND, attached=False),
        replace(GOOD_ROUND, left=("nvidia-cuda-mps-server",)),
        replace(GOOD_ROUND, failure="no answer"),
        replace(GOOD_ROUND, refused=False),
    ],
)
def test_a_round_that_is_not_good_is_counted(bad: Round) -> None:
    assert failing(rounds=[GOOD_ROUND, bad]) == ["rounds: canary"]


def test_a_starter_that_is_killed_has_no_canary() -> None:
    assert failing(rounds=[Round("killed")]) == []
    assert failing(rounds=[Round("killed", left=("nvidia-cuda-mps-control -f",))]) == ["rounds: killed"]


@pytest.mark.parametrize(
    "bad",
    [
        replace(started(2), attached=1),
        replace(started(2), of_workers=3),
        replace(started(2), clients=1, of_workers=1),
        replace(started(2), left=("python -m worker",)),
        replace(started(2), failure="exit code 3"),
        Start(2, failure="not ready"),
    ],
)
def test_a_start_that_is_not_good_fails(bad: Start) -> None:
    assert failing(starts=[bad]) == ["2 workers attached"]


def test_a_warm_single_start_is_the_last_of_two() -> None:
    assert warm_single_s([started(1, 75.0)]) is None
    assert warm_single_s([started(1, 75.0), started(1, 40.0), started(4)]) == 40.0


def test_four_that_take_longer_than_six_alone_fail() -> None:
    assert failing(starts=[started(1, 75.0), started(1), started(4, 61.0)]) == ["start of 4 workers"]
    assert failing(starts=[started(1), started(4, 61.0)]) == []


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        (replace(FAULT, first_ready_s=90.1), "fault: a worker serves again"),
        (replace(FAULT, first_ready_s=None), "fault: a worker serves again"),
        (replace(FAULT, sessions=None), "fault: streams lost"),
        (replace(FAULT, sessions=replace(SESSIONS, lost=1)), "fault: streams lost"),
        (replace(FAULT, sessions=replace(SESSIONS, changed=1)), "fault: streams lost"),
        (replace(FAULT, sessions=replace(SESSIONS, skipped=1)), "fault: streams lost"),
        (replace(FAULT, healthy={}), "fault: nvidia-smi answers"),
        (replace(FAULT, canary_error=None), "fault: a canary afterwards"),
        (replace(FAULT, canary_error=0.5), "fault: a canary afterwards"),
        (replace(FAULT, left=("nvidia-cuda-mps-server",)), "fault: processes left"),
        (replace(FAULT, failure="no streams"), "fault: measured"),
    ],
)
def test_each_thing_that_is_wrong_after_the_fault_fails(bad: Fault, name: str) -> None:
    assert failing(fault=bad) == [name]


def test_a_stage_without_time_does_not_hold() -> None:
    [check] = checks_of((), (), None, ["6 workers"])
    assert (check.name, check.holds) == ("6 workers", False)
