from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

import bench.pair
from bench.goals import Goals, Trial
from bench.live_material import Loop, MaterialKind
from bench.live_measures import Spread
from bench.live_processes import LiveError
from bench.live_record import Judgement, LiveRun, Setup, measured
from bench.live_trace import Lateness
from bench.pair import climb, measure
from bench.pair_flags import parse_pair_flags
from bench.pair_record import PairResult
from bench.pair_site import PairPlan, cores_from
from tests.support.processes import DidNotStart

LOOP = Loop(np.zeros(0, np.int16), np.zeros(16_000, np.int16), ((0, 16_000),))
CALM = Lateness(100, send_p99_ms=1.0, send_max_ms=2.0, wake_p99_ms=3.0, wake_max_ms=4.0, held_s=0.0)
SETUP = Setup("voxshard", MaterialKind.CONTINUOUS, 35.0, 8.0, 480, 30_000, 6, "a test", (), {})


def run(streams: int, **changes: Any) -> LiveRun:
    nothing = measured([], Judgement(LOOP, 10.0, 480, 30_000), ())
    return replace(nothing, streams=streams, lateness=(CALM,), **changes)


def holds(most: int) -> Callable[[int], Trial]:
    return lambda load: Trial(run(load), () if load <= most else ("late",))


def test_no_more_is_tried_once_a_load_was_missed() -> None:
    assert [trial.run.streams for trial in climb((10, 20, 30, 40), holds(25))] == [10, 20, 30]
    assert climb((), holds(25)) == ()


GOOD = PairResult(
    SETUP,
    Goals(),
    one=climb((100, 200, 300), holds(200)),
    two=climb((380, 400), holds(390)),
    killed=run(190, resumed=Spread(95, 100, 300, 400, 500), unheard=Spread(190, 40, 90, 120, 200)),
)


def test_two_are_compared_with_one() -> None:
    assert GOOD.ratio == pytest.approx(1.9)
    assert GOOD.is_good
    table = GOOD.tables()[-1]
    assert table.title.startswith("one instance holds 200, two hold 380: 1.90 times (goal 1.9)")
    assert [row[0] for row in table.rows] == ["1", "1", "1", "2", "2", "2, one killed"]
    assert all(len(row) == len(table.columns) for row in table.rows)


@pytest.mark.parametrize(
    "worse",
    [
        replace(GOOD, one=climb((100, 200), holds(200))),
        replace(GOOD, two=climb((380,), holds(300))),
        replace(GOOD, two=()),
        replace(GOOD, killed=None),
    ],
    ids=["limit of one not seen", "two hold too little", "two not measured", "nobody killed"],
)
def test_what_was_not_shown_is_no_success(worse: PairResult) -> None:
    assert not worse.is_good


def test_record_of_a_visit_cut_short_has_its_tables() -> None:
    result = PairResult(SETUP, Goals())
    assert result.ratio is None
    assert result.tables()[-1].rows == ()


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
    assert GOOD.killed is not None
    assert replace(GOOD, killed=replace(GOOD.killed, **changes)).lost_by_kill() == (lost,)


def test_flags_of_both_instances() -> None:
    flags = parse_pair_flags(
        [
            *("280,320", "--engine", "fun-asr-nano", "--devices", "cuda:0,cuda:1", "--workers", "2"),
            *("--gateways", "2", "--cores", "12", "--serve", "--model models/nano --kv-cache-gib 4"),
            *("--seconds", "35", "--within", "550"),
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
    assert (flags.loads, flags.within_s, flags.live.load.seconds) == ((280, 320), 550.0, 35.0)


def test_one_device_is_not_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_pair_flags(["10", "--devices", "cuda:0"])
    assert "cuda:0 is not A,B" in capsys.readouterr().err


def test_cores_of_both_are_as_many_or_nothing_is_measured() -> None:
    assert [cores_from(first, 2, {5, 6, 7, 8, 9}) for first in (0, 2)] == [[5, 6], [7, 8]]
    with pytest.raises(DidNotStart, match="--cores 3 is for each of two, and there are 5 cores"):
        cores_from(3, 3, {5, 6, 7, 8, 9})


class Ready:
    front_of_one = "ws://127.0.0.1:1"

    def metrics_of_one(self) -> tuple[str, ...]:
        return ()


def test_an_instance_that_could_not_be_tried_in_time_is_not_called_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench.pair, "Pair", lambda plan: nullcontext(Ready()))
    flags = parse_pair_flags(["10", "--within", "0.001"])
    with pytest.raises(LiveError, match="raise --within"):
        list(measure(flags, PairResult(SETUP, Goals())))
