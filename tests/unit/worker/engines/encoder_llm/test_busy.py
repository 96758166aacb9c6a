from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import ManualClock
from worker.engines.encoder_llm.busy import BusyTime


def test_two_requests_at_once_take_the_time_once() -> None:
    clock = ManualClock()
    busy = BusyTime(clock.now)
    with busy.one_more():
        clock.advance(1)
        with busy.one_more():
            clock.advance(2)
        assert busy.taken() == 3
        clock.advance(4)
    assert busy.taken() == 4


def test_idle_time_is_not_counted() -> None:
    clock = ManualClock()
    busy = BusyTime(clock.now)
    for _ in range(2):
        clock.advance(10)
        with busy.one_more():
            clock.advance(1)
    clock.advance(10)
    assert busy.taken() == 2
    assert busy.taken() == 0


def test_what_was_told_while_others_work_is_not_told_again() -> None:
    clock = ManualClock()
    busy = BusyTime(clock.now)
    with busy.one_more():
        clock.advance(1)
        assert busy.taken() == 1
        assert busy.taken() == 0
        clock.advance(2)
        assert busy.taken() == 2


def test_a_request_that_fails_was_work_all_the_same() -> None:
    clock = ManualClock()
    busy = BusyTime(clock.now)
    try:
        with busy.one_more():
            clock.advance(1)
            raise ValueError
    except ValueError:
        clock.advance(5)
    assert busy.taken() == 1


@given(st.lists(st.tuples(st.sampled_from(["begin", "end", "tell"]), st.integers(0, 5)), max_size=40))
def test_all_that_is_told_is_the_time_with_any_request(steps: list[tuple[str, int]]) -> None:
    clock = ManualClock()
    busy = BusyTime(clock.now)
    open_requests = []
    told = expected = 0.0
    for step, seconds in steps:
        match step:
            case "begin":
                open_requests.append(request := busy.one_more())
                request.__enter__()
            case "end" if open_requests:
                open_requests.pop(0).__exit__(None, None, None)
            case "tell":
                told += busy.taken()
        clock.advance(seconds)
        expected += seconds if open_requests else 0
    assert told + busy.taken() == expected
