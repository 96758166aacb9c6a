from __future__ import annotations

import argparse

import pytest

from bench.search import Search, add_search_flags, are_close, search_of


def found(search: Search, limit: int) -> tuple[list[int], int]:
    """All loads tried on a server that holds `limit`, and the answer."""
    tried = []
    while (load := search.next()) is not None:
        tried.append(load)
        search.tell(load, was_held=load <= limit)
    return tried, search.held


def by_half(first: int, most: int, within: float = 0.05) -> Search:
    return Search(first, most, step=0.5, within=within)


def test_it_goes_up_by_steps_then_between_what_was_held_and_what_was_not() -> None:
    assert found(by_half(first=10, most=1_000), limit=37) == ([10, 15, 22, 33, 49, 41, 37, 39, 38], 37)


def test_first_load_that_misses_is_followed_by_fewer() -> None:
    assert found(by_half(first=50, most=1_000), limit=30) == ([50, 34, 23, 28, 31, 29, 30], 30)


@pytest.mark.parametrize(
    ("limit", "tried"), [(285, [275, 288]), (290, [275, 288, 302]), (270, [275, 262]), (255, [275, 262, 250])]
)
def test_steps_as_small_as_the_answer_is_close_need_nothing_between(limit: int, tried: list[int]) -> None:
    search = Search(first=275, most=1_000, step=0.05, within=0.05)
    assert found(search, limit)[0] == tried
    assert search.missed is not None
    assert are_close(search.held, search.missed, 0.05)


@pytest.mark.parametrize("step", [0.05, 0.5])
@pytest.mark.parametrize("first", [1, 200])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100, 733, 999])
def test_the_answer_is_as_close_as_it_was_asked_for(first: int, limit: int, step: float) -> None:
    _, held = found(Search(first, most=1_000, step=step, within=0.1), limit)
    assert limit / 1.1 - 1 <= held <= limit


def test_no_more_is_tried_than_was_allowed() -> None:
    assert found(by_half(first=10, most=20), limit=1_000) == ([10, 15, 20], 20)
    assert found(by_half(first=30, most=20), limit=1_000) == ([20], 20)


@pytest.mark.parametrize("step", [0.05, 0.5])
def test_server_that_holds_nothing_is_asked_for_less_until_one_stream_is_too_many(step: float) -> None:
    assert found(Search(first=4, most=20, step=step, within=0.05), limit=0)[0][-2:] == [2, 1]


def test_neighbours_are_close_however_few_they_are() -> None:
    assert are_close(held=2, missed=3, within=0.05)
    assert are_close(held=100, missed=105, within=0.05)
    assert not are_close(held=100, missed=106, within=0.05)


def test_flags_are_those_of_a_search() -> None:
    parser = argparse.ArgumentParser()
    add_search_flags(parser, step=0.25)
    assert search_of(parser.parse_args([])) == Search(10, 2_000, step=0.25, within=0.05)
    given = parser.parse_args(["--first", "275", "--most", "400", "--step", "0.05", "--within", "0.03"])
    assert search_of(given) == Search(275, 400, step=0.05, within=0.03)
