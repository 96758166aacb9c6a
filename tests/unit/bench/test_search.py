from __future__ import annotations

import pytest

from bench.search import Search


def found(search: Search, limit: int) -> tuple[list[int], int]:
    """All loads tried on a server that holds `limit`, and the answer."""
    tried = []
    while (load := search.next()) is not None:
        tried.append(load)
        search.tell(load, was_held=load <= limit)
    return tried, search.held


def test_it_goes_up_by_half_then_between_what_was_held_and_what_was_not() -> None:
    assert found(Search(first=10, most=1_000, within=0.05), limit=37) == (
        [10, 15, 22, 33, 50, 41, 37, 39, 38],
        37,
    )


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100, 733, 999])
def test_the_answer_is_as_close_as_it_was_asked_for(limit: int) -> None:
    _, held = found(Search(first=1, most=1_000, within=0.1), limit)
    assert limit / 1.1 - 1 <= held <= limit


def test_no_more_is_tried_than_was_allowed() -> None:
    assert found(Search(first=10, most=20, within=0.05), limit=1_000) == ([10, 15, 20], 20)
    assert found(Search(first=30, most=20, within=0.05), limit=1_000) == ([20], 20)


def test_server_that_holds_nothing_is_asked_for_less_until_one_stream_is_too_many() -> None:
    assert found(Search(first=8, most=20, within=0.05), limit=0) == ([8, 4, 2, 1], 0)
