from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

import bench.pair
import bench.trials
from bench.live_flags import LiveFlags
from bench.live_measures import Spread
from bench.live_processes import LiveError
from bench.live_record import LiveRun
from bench.pair import measure
from bench.pair_flags import parse_pair_flags
from bench.pair_site import PairPlan, cores_from
from bench.pair_verdict import PairRuns, verdict_on
from bench.search import Search
from tests.support.live_trials import SETUP, run_of
from tests.support.processes import DidNotStart

RUN_S = 38.0


def test_flags_of_both_instances() -> None:
    flags = parse_pair_flags(
        [
            *("--first", "280", "--most", "400", "--engine", "fun-asr-nano", "--devices", "cuda:0,cuda:1"),
            *("--workers", "2", "--gateways", "2", "--cores", "12"),
            *("--serve", "--model models/nano --kv-cache-gib 4", "--seconds", "35", "--budget", "550"),
        ]
    )
    assert flags.plan == PairPlan(
        "fun-asr-nano",
        ("cuda:0", "cuda:1"),
        workers=2,
        gateways=2,
        cores=12,
        boot_s=300.0,
        flags=("--model", "models/nano", "--kv-cache-gib", "4"),
    )
    assert flags.search == Search(280, 400, step=0.05, within=0.05)
    assert (flags.budget_s, flags.live.load.seconds) == (550.0, 35.0)


def test_one_device_is_not_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_pair_flags(["--devices", "cuda:0"])
    assert "cuda:0 is not A,B" in capsys.readouterr().err


def test_cores_of_both_are_as_many_or_nothing_is_measured() -> None:
    assert [cores_from(first, 2, {5, 6, 7, 8, 9}) for first in (0, 2)] == [[5, 6], [7, 8]]
    with pytest.raises(DidNotStart, match="--cores 3 is for each of two, and there are 5 cores"):
        cores_from(3, 3, {5, 6, 7, 8, 9})


@dataclass(slots=True)
class Visit:
    """Two cards that hold `most` streams each, for a time that only its runs and rests take."""

    most: int
    now: float = 0.0
    front_of_one: str = "one"
    front: str = "both"

    @property
    def one(self) -> Visit:
        return self

    def join(self) -> None: ...

    def kill_all(self) -> None: ...

    def metrics_of_one(self) -> tuple[str, ...]:
        return ()

    def metrics_of_other(self) -> tuple[str, ...]:
        return ()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def run_once(
        self, live: LiveFlags, servers: Sequence[str], streams: int, loop: object, *begun: object
    ) -> LiveRun:
        self.now += RUN_S
        cards = 1 if servers == ("one",) else 2
        resumed = Spread(streams // 2, 100, 200, 300, 400) if live.load.resume else Spread(0)
        return run_of(
            streams,
            after_stop=Spread(streams, 100, 200, 200, 200),
            late_share=0.0 if streams <= cards * self.most else 0.3,
            resumed=resumed,
        )


Measured = Callable[..., list[PairRuns]]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    """What is known after each run at two cards that hold so many streams each."""

    def measured(most: int, *arguments: str) -> list[PairRuns]:
        visit: Any = Visit(most)
        monkeypatch.setattr(bench.pair, "Pair", lambda plan: nullcontext(visit))
        monkeypatch.setattr(bench.pair, "run_once", visit.run_once)
        monkeypatch.setattr(bench.pair, "time", visit)
        monkeypatch.setattr(bench.trials, "time", visit)
        length = ["--seconds", "30", "--ramp", "8"]
        flags = parse_pair_flags(["--first", "275", *length, *arguments])
        known = list(measure(flags, PairRuns(SETUP, flags.goals, flags.search.within)))
        assert visit.now <= flags.budget_s
        return known

    return measured


def loads(runs: PairRuns) -> tuple[list[int], list[int], int | None]:
    one, two = ([trial.run.streams for trial in trials] for trials in (runs.one, runs.two))
    return one, two, None if runs.killed is None else runs.killed.streams


def test_two_cards_that_hold_twice_as_much_are_good(measured: Measured) -> None:
    known = measured(280, "--budget", "400")
    assert loads(known[-1]) == ([275, 288], [548, 550], 275)
    assert verdict_on(known[-1]).against == ()
    # Known after each run, for a visit may end at any time.
    assert len(known) == 5


def test_first_load_that_one_misses_is_not_the_end(measured: Measured) -> None:
    assert loads(measured(265, "--budget", "400")[-1]) == ([275, 262], [523, 524], 262)


def test_limit_of_one_costs_neither_two_nor_the_kill_their_time(measured: Measured) -> None:
    runs = measured(400, "--budget", "300")[-1]
    assert loads(runs) == ([275, 288], [548, 576], 288)
    assert "the limit of one was not reached" in verdict_on(runs).against


def test_no_time_for_one_is_not_called_slow(measured: Measured) -> None:
    with pytest.raises(LiveError, match="raise --budget"):
        measured(280, "--budget", "100")


def test_cards_that_hold_nothing_cannot_lose_anything(measured: Measured) -> None:
    with pytest.raises(LiveError, match="begin with fewer streams"):
        measured(10, "--budget", "400")
