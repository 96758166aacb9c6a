from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from bench.goals import Goals, Trial
from bench.live_measures import Spread
from bench.pair_record import result_of
from bench.pair_verdict import PairRuns, lost_by_kill, search_for_two, verdict_on
from tests.support.live_trials import CALM, SETUP, holds, run_of


def tried(attempt: Callable[[int], Trial], *loads: int) -> tuple[Trial, ...]:
    return tuple(map(attempt, loads))


def with_late_clients(trial: Trial) -> Trial:
    return Trial(replace(trial.run, lateness=(replace(CALM, send_p99_ms=80.0),)), trial.missed)


KILLED = run_of(274, resumed=Spread(130, 100, 300, 400, 500), unheard=Spread(274, 40, 90, 120, 200))
GOOD = PairRuns(
    SETUP,
    Goals(),
    within=0.05,
    one=tried(holds(280), 275, 288),
    two=tried(holds(560), 548, 575),
    killed=KILLED,
)


def test_two_are_compared_with_what_one_misses() -> None:
    verdict = verdict_on(GOOD)
    assert (verdict.one_holds, verdict.one_misses) == (275, 288)
    assert (verdict.two_hold, verdict.two_miss) == (548, 575)
    assert verdict.to_held == pytest.approx(548 / 275)
    assert verdict.to_missed == pytest.approx(548 / 288)
    assert verdict.against == ()


@pytest.mark.parametrize(
    ("worse", "against"),
    [
        (replace(GOOD, one=()), ["the limit of one was not reached"]),
        (replace(GOOD, one=tried(holds(300), 275, 288)), ["the limit of one was not reached"]),
        (replace(GOOD, one=tried(holds(0), 288)), ["one held nothing"]),
        (
            replace(GOOD, one=tried(holds(280), 263, 288)),
            ["the limit of one is known to 9.5 %, not 5 %"],
        ),
        (
            replace(GOOD, one=(*tried(holds(280), 275), with_late_clients(holds(280)(288)))),
            ["one missed 288 by its clients' own lateness"],
        ),
        # 1.9 times what one holds, and no more.
        (
            replace(GOOD, two=tried(holds(530), 548, 523)),
            ["two hold 1.816 times what one misses, not 1.9"],
        ),
        (replace(GOOD, two=tried(holds(0), 548)), ["two held nothing"]),
        (replace(GOOD, two=()), ["two were not measured"]),
        (replace(GOOD, killed=None), ["nothing was killed"]),
        (replace(GOOD, killed=replace(KILLED, lost=1)), ["1 lost"]),
    ],
)
def test_what_was_not_shown_is_named(worse: PairRuns, against: list[str]) -> None:
    assert list(verdict_on(worse).against) == against


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"lost": 1}, "1 lost"),
        ({"repeated": 2}, "2 repeated"),
        ({"resumed": Spread(0)}, "nobody had to resume"),
        ({"unheard": Spread(190, 40, 90, 120, 1_500)}, "1500 ms unheard"),
    ],
)
def test_what_a_kill_has_cost_is_named(changes: dict[str, Any], lost: str) -> None:
    assert lost_by_kill(KILLED) == ()
    assert lost_by_kill(replace(KILLED, **changes)) == (lost,)


def loads_of_two(one: tuple[Trial, ...], limit: int) -> list[int]:
    search, loads = search_for_two(one, within=0.06), []
    while (load := search.next()) is not None:
        loads.append(load)
        search.tell(load, was_held=load <= limit)
    return loads


def test_two_begin_with_the_least_that_is_enough() -> None:
    one = tried(holds(280), 275, 288)
    assert loads_of_two(one, limit=600) == [548, 550]
    assert loads_of_two(one, limit=549) == [548, 550]
    assert loads_of_two(one, limit=530) == [548, 517]
    assert loads_of_two(tried(holds(285), 275, 288, 281), limit=570) == [548, 562]


def test_two_are_not_spared_what_is_enough_where_the_limit_of_one_is_known_badly() -> None:
    assert loads_of_two(tried(holds(280), 200, 300), limit=600) == [570]
    assert loads_of_two(tried(holds(0), 300), limit=500) == [570, 538, 508, 480]


def test_two_begin_with_what_one_holds_if_it_missed_nothing() -> None:
    assert loads_of_two(tried(holds(280), 280), limit=600) == [532, 560]


def test_record_says_what_both_hold_and_miss_and_where_the_streams_were() -> None:
    uneven = replace(GOOD.two[0].run, workers={"a": 289, "b": 259})
    table = result_of(replace(GOOD, two=(Trial(uneven, ()), GOOD.two[1]))).tables()[-1]
    assert table.title.startswith(
        "one holds 275, misses 288; two hold 548, miss 575: "
        "1.903 times what one misses (goal 1.9), 1.993 times what it holds; "
    )
    assert table.title.endswith("; good")
    assert [row[0] for row in table.rows] == ["1", "1", "2", "2", "2, one killed"]
    assert table.rows[2][2] == "289 + 259"
    assert [row[-1] for row in table.rows] == ["held", "late", "held", "late", "nothing lost"]
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_record_of_a_visit_cut_short_has_its_tables() -> None:
    table = result_of(PairRuns(SETUP, Goals(), within=0.05)).tables()[-1]
    assert table.title.startswith("one holds 0, misses none tried; two hold 0, miss none tried: – times")
    assert table.title.endswith(
        "not good: the limit of one was not reached, two were not measured, nothing was killed"
    )
    assert table.rows == ()
