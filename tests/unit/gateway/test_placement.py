from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.placement import LOAD_BOUND, Candidate, Domain, place, preference

ids = st.text(alphabet="abcdef0123456789", min_size=1, max_size=16)
loads = st.lists(st.integers(0, 100), min_size=1, max_size=12)
weights = st.floats(0.1, 100.0)
seeds = st.text(min_size=1, max_size=32)
# Each example places hundreds of sessions.
few = settings(max_examples=50, deadline=None)

WITHIN = 1.05
SESSIONS = 50


def candidate(
    worker: str, sessions: int = 0, weight: float = 1.0, host: str = "", card: str | None = None
) -> Candidate:
    return Candidate(Domain(worker, host, card), sessions, weight)


def workers_of(sessions: Sequence[int]) -> list[Candidate]:
    return [candidate(str(index), count) for index, count in enumerate(sessions)]


def names(workers: list[Candidate]) -> list[str]:
    return [candidate.worker for candidate in workers]


def loaded(workers: Sequence[Candidate], sessions: Iterator[str], count: int, seed: str) -> list[Candidate]:
    """The workers, with so many sessions more, placed one after another."""
    placed = {worker.worker: worker for worker in workers}
    for _ in range(count):
        chosen = place(next(sessions), list(placed.values()), seed)
        assert chosen is not None
        placed[chosen.worker] = replace(chosen, sessions=chosen.sessions + 1)
    return list(placed.values())


def ids_from(number: int) -> Iterator[str]:
    """As the server makes them."""
    random = Random(number)
    while True:
        yield f"{random.getrandbits(64):016x}"


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


@given(st.lists(ids, min_size=1, max_size=50), st.lists(weights, min_size=2, max_size=10), st.data())
def test_a_worker_that_leaves_moves_only_its_own_sessions(
    sessions: list[str], weighted: list[float], data: st.DataObject
) -> None:
    workers = [candidate(str(index), 0, weight) for index, weight in enumerate(weighted)]
    gone = data.draw(st.sampled_from(workers))
    left = [worker for worker in workers if worker != gone]
    for session in sessions:
        ranked = preference(session, workers, "seed")
        assert preference(session, left, "seed") == [worker for worker in ranked if worker != gone]


@few
@given(st.sampled_from([4, 8, 16]), seeds, st.integers())
def test_sessions_placed_one_after_another_spread_evenly(count: int, seed: str, number: int) -> None:
    workers = loaded(workers_of([0] * count), ids_from(number), SESSIONS * count, seed)
    assert max(worker.sessions for worker in workers) / SESSIONS <= WITHIN


@few
@given(st.lists(st.sampled_from([1.0, 2.0, 4.0]), min_size=2, max_size=8), seeds, st.integers())
def test_load_is_proportional_to_weight(weighted: list[float], seed: str, number: int) -> None:
    workers = [candidate(str(index), 0, weight) for index, weight in enumerate(weighted)]
    total = round(SESSIONS * sum(weighted))
    for worker in loaded(workers, ids_from(number), total, seed):
        assert worker.sessions / worker.weight / SESSIONS <= WITHIN + 1 / SESSIONS


@given(ids, loads)
def test_nobody_is_loaded_beyond_the_bound(session: str, sessions: list[int]) -> None:
    workers = workers_of(sessions)
    chosen = place(session, workers, "seed")
    assert chosen is not None
    assert chosen.sessions < LOAD_BOUND * (sum(sessions) + 1) / len(sessions)


@given(ids, st.lists(st.tuples(st.integers(0, 100), weights), min_size=1, max_size=12), st.booleans())
def test_somebody_is_below_the_bound_whatever_the_weights(
    session: str, shape: list[tuple[int, float]], moves: bool
) -> None:
    workers = [candidate(str(index), count, weight) for index, (count, weight) in enumerate(shape)]
    lost = Domain("lost") if moves else None
    assert place(session, workers, "seed", lost) in workers


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
        ([5, 5, 5, 1], 3),
        ([9, 4, 3, 4], 2),
        ([4, 4, 3, 4], 2),
        # Within 1.05 of their share all are alike to the hash.
        ([51, 51, 49, 49], 0),
        ([52, 52, 48, 48], 2),
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
    assert place("call", [], "seed", Domain("0")) is None


def test_another_seed_gives_another_order() -> None:
    workers = workers_of([0] * 8)
    orders = {tuple(names(preference("call", workers, seed))) for seed in "abcdefgh"}
    assert len(orders) == 8


def test_every_worker_is_somebodys_first_choice() -> None:
    workers = workers_of([0] * 8)
    first = Counter(preference(str(number), workers, "seed")[0].worker for number in range(800))
    assert len(first) == 8 and min(first.values()) >= 50


def test_who_has_three_times_the_weight_is_three_times_as_often_the_first_choice() -> None:
    workers = [candidate("0", 0, 30.0), candidate("1", 0, 10.0)]
    first = Counter(preference(str(number), workers, "seed")[0].worker for number in range(4_000))
    assert first["0"] == pytest.approx(3_000, abs=150)


# --- an adversary who chooses ids ------------------------------------------------------------


@cache
def aimed_at(victim: str, count: int, guess: str) -> list[str]:
    """Ids that would all have one worker as their first choice if the seed were the one guessed."""
    workers = workers_of([0] * 8)
    found: list[str] = []
    number = 0
    while len(found) < count:
        number += 1
        if preference(str(number), workers, guess)[0].worker == victim:
            found.append(str(number))
    return found


def hits(chosen: list[str], victim: str, seed: str) -> int:
    workers = workers_of([0] * 8)
    return sum(preference(session, workers, seed)[0].worker == victim for session in chosen)


@few
@given(seeds.filter(lambda seed: seed != "guess"))
def test_who_does_not_know_the_seed_cannot_aim_at_a_worker(seed: str) -> None:
    # An eighth of them by chance; five standard deviations, so that the test is no lottery.
    assert hits(aimed_at("3", 400, "guess"), "3", seed) == pytest.approx(50, abs=33)


def test_who_knows_the_seed_could() -> None:
    assert hits(aimed_at("3", 400, "guess"), "3", "guess") == 400


def test_even_then_the_bound_keeps_the_victim_from_drowning() -> None:
    workers = loaded(workers_of([0] * 8), iter(aimed_at("3", 400, "guess")), 400, "guess")
    assert max(worker.sessions for worker in workers) <= LOAD_BOUND * SESSIONS + 1


# --- domains ---------------------------------------------------------------------------------

LOST = Domain("lost", "one", "card-0")
SAME_CARD = candidate("same-card", 8, host="one", card="card-0")
SAME_HOST = candidate("same-host", 8, host="one", card="card-1")
ELSEWHERE = candidate("elsewhere", 8, host="two", card="card-2")


@given(ids)
def test_who_has_lost_a_worker_goes_as_far_away_as_there_is_room(session: str) -> None:
    everybody = [SAME_CARD, SAME_HOST, ELSEWHERE]
    assert place(session, everybody, "seed", LOST) == ELSEWHERE
    assert place(session, [SAME_CARD, SAME_HOST], "seed", LOST) == SAME_HOST
    assert place(session, [SAME_CARD], "seed", LOST) == SAME_CARD
    full = replace(ELSEWHERE, sessions=100)
    assert place(session, [SAME_CARD, SAME_HOST, full], "seed", LOST) == SAME_HOST


def test_a_session_that_begins_goes_anywhere() -> None:
    chosen = {place(str(number), [SAME_CARD, SAME_HOST, ELSEWHERE], "seed") for number in range(50)}
    assert chosen == {SAME_CARD, SAME_HOST, ELSEWHERE}


def test_workers_on_the_cpu_have_no_card_in_common() -> None:
    beside = [candidate(f"beside-{number}", 8, host="one") for number in range(3)]
    lost = Domain("lost", "one", None)
    assert {place(str(number), beside, "seed", lost) for number in range(50)} == set(beside)
    far = candidate("far", 8, host="two")
    assert {place(str(number), [*beside, far], "seed", lost) for number in range(50)} == {far}
