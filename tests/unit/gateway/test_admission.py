from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.link import Load
from gateway.admission import Limits, WorkerRoom

MOST = 4
STEPS = st.sampled_from(["give", "answer", "end", "report"])


def report(*, lag_ms: int = 0, sessions: int = 0, engaged: int = 0) -> Load:
    return Load(True, sessions, 0, lag_ms, 0, None, engaged=engaged)


def room_after(limits: Limits, lags_ms: Sequence[int]) -> WorkerRoom:
    room = WorkerRoom(limits)
    for lag_ms in lags_ms:
        room.reported(report(lag_ms=lag_ms))
    return room


def filled(room: WorkerRoom, first: int = 0) -> int:
    """How many it takes in a burst, between two reports."""
    count = 0
    while room.is_free:
        room.given(first + count)
        count += 1
    return count


@pytest.mark.parametrize(
    ("lags_ms", "late"),
    [
        ((), False),
        ((1_000,), False),
        ((1_001,), True),
        ((1_001, 501), True),
        ((1_001, 500), False),
        ((1_001, 500, 900), False),
        ((1_001, 700, 1_000), True),
    ],
)
def test_a_late_worker_takes_nobody_until_it_has_recovered(lags_ms: Sequence[int], late: bool) -> None:
    room = room_after(Limits(max_lag_ms=1_000), lags_ms)
    assert (room.late, room.is_free) == (late, not late)


def test_without_limits_every_worker_has_room() -> None:
    room = room_after(Limits(), [3_600_000])
    room.reported(report(lag_ms=3_600_000, sessions=10_000, engaged=10_000))
    assert room.is_free


def test_a_burst_between_two_reports_takes_no_more_than_there_is_room_for() -> None:
    room = WorkerRoom(Limits(max_speaking=MOST))
    assert filled(room) == MOST
    room.reported(report())
    assert not room.is_free, "the worker said so before any of them had arrived"


def test_what_is_answered_is_counted_by_the_next_report_and_not_twice() -> None:
    room = WorkerRoom(Limits(max_speaking=MOST))
    room.given(1)
    room.given(2)
    room.answered(1)
    assert room.speakers == 2
    room.reported(report(sessions=1, engaged=1))
    assert room.speakers == 2
    room.answered(2)
    room.reported(report(sessions=2, engaged=2))
    assert room.speakers == 2


def test_sessions_of_other_gateways_count() -> None:
    room = WorkerRoom(Limits(max_speaking=MOST))
    room.reported(report(sessions=3, engaged=3))
    assert filled(room) == 1


def test_quiet_sessions_count_in_part() -> None:
    room = WorkerRoom(Limits(max_speaking=MOST))
    room.reported(report(sessions=8, engaged=0))
    assert filled(room) == 2


def test_what_ends_before_it_is_reported_makes_room_at_once() -> None:
    room = WorkerRoom(Limits(max_speaking=MOST))
    filled(room)
    room.answered(0)
    room.gone(0)
    room.gone(1)
    assert filled(room, first=MOST) == 2


def test_what_ends_after_it_is_reported_makes_room_at_once() -> None:
    room = WorkerRoom(Limits(max_speaking=1))
    room.given(1)
    room.answered(1)
    room.reported(report(sessions=1, engaged=1))
    assert (room.is_free, room.sessions) == (False, 1)
    room.gone(1)
    assert (room.is_free, room.sessions) == (True, 0)
    room.reported(report(sessions=1, engaged=1))
    assert not room.is_free, "the worker said so before it heard of the end"


def test_who_has_ended_may_have_been_a_quiet_one() -> None:
    room = WorkerRoom(Limits(max_speaking=MOST))
    room.reported(report(sessions=4, engaged=3))
    room.gone(1)
    assert room.speakers == 3


def test_the_least_bad_worker_is_late_the_least_then_loaded_the_least() -> None:
    limits = Limits(max_lag_ms=1_000, max_speaking=1)
    slow, slower = room_after(limits, [2_000]), room_after(limits, [3_000])
    full, fuller = room_after(limits, [900]), room_after(limits, [800])
    full.given(1)
    fuller.given(1)
    fuller.given(2)
    assert sorted([slower, slow, fuller, full], key=lambda room: room.burden) == [full, fuller, slow, slower]


@given(
    st.lists(
        st.tuples(st.sampled_from(["give", "answer", "end", "report"]), st.randoms(use_true_random=False)),
        max_size=60,
    )
)
def test_those_of_one_gateway_are_counted_exactly_and_never_more_than_the_limit(
    steps: list[tuple[str, Random]],
) -> None:
    """Against a worker that takes what it is given in the order of the link, and reports when it likes."""
    room = WorkerRoom(Limits(max_speaking=MOST))
    on_the_way: list[int] = []
    there: set[int] = set()
    for number, (step, random) in enumerate(steps):
        if step == "give" and room.is_free:
            room.given(number)
            on_the_way.append(number)
        elif step == "answer" and on_the_way:
            there.add(on_the_way[0])
            room.answered(on_the_way.pop(0))
        elif step == "end" and there:
            ended = random.choice(sorted(there))
            there.remove(ended)
            room.gone(ended)
        elif step == "report":
            room.reported(report(sessions=len(there), engaged=len(there)))
        assert room.sessions == len(there) + len(on_the_way) <= MOST
