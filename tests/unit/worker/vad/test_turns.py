from __future__ import annotations

from worker.vad.turns import TURN_HOPS, Turns


def test_whoever_came_first_is_in_front_however_they_are_named() -> None:
    turns = Turns[str]()
    assert turns.in_order(["b", "a"]) == ["b", "a"]
    assert turns.in_order(["a", "c", "b"]) == ["b", "a", "c"]


def test_who_has_nothing_now_keeps_the_place() -> None:
    turns = Turns[str]()
    turns.in_order(["a", "b"])
    assert turns.in_order(["b"]) == ["b"]
    assert turns.in_order(["b", "a"]) == ["a", "b"]


def test_who_leaves_comes_back_behind_the_others() -> None:
    turns = Turns[str]()
    turns.in_order(["a", "b"])
    turns.leave("a")
    turns.leave("a")
    assert turns.in_order(["a", "b"]) == ["b", "a"]


def test_a_turn_ends_after_the_longest_segment() -> None:
    turns = Turns[str]()
    turns.in_order(["a", "b"])
    turns.took("a", TURN_HOPS - 1)
    assert turns.in_order(["a", "b"]) == ["a", "b"]
    turns.took("a", 1)
    assert turns.in_order(["a", "b"]) == ["b", "a"]
    turns.took("a", TURN_HOPS - 1)
    turns.took("b", TURN_HOPS)
    assert turns.in_order(["a", "b"]) == ["a", "b"]
