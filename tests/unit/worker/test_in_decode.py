from __future__ import annotations

from worker.in_decode import InDecode


class Said:
    def __init__(self) -> None:
        self.all: list[tuple[int, ...]] = []
        self.in_decode = InDecode(self.all.append)


def test_it_is_said_whenever_the_engine_has_others() -> None:
    said = Said()
    said.in_decode.begun(3)
    said.in_decode.begun(2)
    said.in_decode.over(3)
    said.in_decode.over(2)
    assert said.all == [(3,), (2, 3), (2,), ()]


def test_a_segment_that_it_has_twice_is_there_until_both_are_answered() -> None:
    said = Said()
    said.in_decode.begun(3)
    said.in_decode.begun(3)
    said.in_decode.over(3)
    assert said.all == [(3,)]
    said.in_decode.over(3)
    assert said.all == [(3,), ()]


def test_an_answer_after_it_was_given_up_changes_nothing() -> None:
    said = Said()
    said.in_decode.begun(0)
    said.in_decode.over(0)
    said.in_decode.over(0)
    assert said.all == [(0,), ()]


def test_nothing_is_said_of_a_session_that_has_ended() -> None:
    said = Said()
    said.in_decode.begun(0)
    said.in_decode.end()
    said.in_decode.over(0)
    assert said.all == [(0,)]
