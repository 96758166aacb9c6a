from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.placement import LOAD_BOUND, Candidate, place, preference

ids = st.text(alphabet="abcdef0123456789", min_size=1, max_size=16)
loads = st.lists(st.integers(0, 100), min_size=1, max_size=12)


def workers_of(sessions: list[int]) -> list[Candidate]:
    return [Candidate(str(index), count) for index, count in enumerate(sessions)]


def names(workers: list[Candidate]) -> list[str]:
    return [candidate.worker for candidate in workers]


@given(ids, loads, st.randoms(use_true_random=False))
def test_placement_does_not_depend_on_the_order_of_the_workers(
    session: str, sessions: list[int], random: Random
) -> None:
    workers = workers_of(sessions)
    shuffled = random.sample(workers, len(workers))
    assert preference(session, shuffled, "seed") == preference(session, workers, "seed")
    assert place(session, shuffled, "seed") == place(session, workers, "seed")


@given(ids, loads, loads)
def test_preference_does_not_depend_on_load(session: str, before: list[int], after: list[int]) -> None:
    count = min(len(before), len(after))
    first, second = workers_of(before[:count]), workers_of(after[:count])
    assert names(preference(session, first, "seed")) == names(preference(session, second, "seed"))


@given(st.lists(ids, min_size=1, max_size=50), st.integers(2, 10), st.data())
def test_a_worker_that_leaves_moves_only_its_own_sessions(
    sessions: list[str], count: int, data: st.DataObject
) -> None:
    workers = workers_of([0] * count)
    gone = data.draw(st.sampled_from(workers))
    left = [worker for worker in workers if worker != gone]
    for session in sessions:
        ranked = preference(session, workers, "seed")
        assert preference(session, left, "seed") == [worker for worker in ranked if worker != gone]


@pytest.mark.parametrize("count", [4, 8, 16])
@pytest.mark.parametrize("seed", ["one", "two", "three"])
def test_sessions_placed_one_after_another_spread_evenly(count: int, seed: str) -> None:
    placed = Counter({str(worker): 0 for worker in range(count)})
    for number in range(50 * count):
        chosen = place(f"{number:016x}", [Candidate(*item) for item in placed.items()], seed)
        assert chosen is not None
        placed[chosen.worker] += 1
    assert max(placed.values()) / 50 <= 1.05


@given(ids, loads)
def test_nobody_is_loaded_beyond_the_bound(session: str, sessions: list[int]) -> None:
    workers = workers_of(sessions)
    chosen = place(session, workers, "seed")
    assert chosen is not None
    assert chosen.sessions < LOAD_BOUND * (sum(sessions) + 1) / len(sessions)


@given(ids, loads)
def test_the_less_loaded_of_the_two_most_preferred_is_taken(session: str, sessions: list[int]) -> None:
    even = [replace(worker, sessions=100) for worker in workers_of(sessions)]
    first, *others = preference(session, even, "seed")
    assert place(session, even, "seed") == first
    if others:
        lighter = replace(others[0], sessions=99)
        changed = [lighter if worker == others[0] else worker for worker in even]
        assert place(session, changed, "seed") == lighter


@pytest.mark.parametrize(
    ("loads_by_preference", "taken"),
    [
        ([5, 5, 5, 0], 3),
        ([5, 5, 5, 1], 0),
        ([9, 4, 3, 4], 2),
        ([4, 4, 3, 4], 0),
        ([1, 1, 0, 0], 2),
        ([0, 1, 1, 1], 0),
    ],
)
def test_the_bound_counts_the_new_session(loads_by_preference: list[int], taken: int) -> None:
    ranked = preference("call", workers_of([0] * 4), "seed")
    workers = [
        replace(worker, sessions=load) for worker, load in zip(ranked, loads_by_preference, strict=True)
    ]
    assert place("call", workers, "seed") == workers[taken]


@pytest.mark.parametrize("used", range(6))
def test_while_many_workers_are_idle_one_of_them_is_taken(used: int) -> None:
    workers = workers_of([1] * used + [0] * (8 - used))
    chosen = [place(f"{number}", workers, "seed") for number in range(50)]
    assert all(taken is not None and taken.sessions == 0 for taken in chosen)


@given(ids)
def test_of_idle_workers_the_most_preferred_is_taken(session: str) -> None:
    idle = workers_of([0] * 5)
    assert place(session, idle, "seed") == preference(session, idle, "seed")[0]


def test_without_workers_there_is_no_place() -> None:
    assert place("call", [], "seed") is None


def test_another_seed_gives_another_order() -> None:
    workers = workers_of([0] * 8)
    orders = {tuple(names(preference("call", workers, seed))) for seed in "abcdefgh"}
    assert len(orders) == 8


def test_every_worker_is_somebodys_first_choice() -> None:
    workers = workers_of([0] * 8)
    first = Counter(preference(str(number), workers, "seed")[0].worker for number in range(800))
    assert len(first) == 8 and min(first.values()) >= 50
