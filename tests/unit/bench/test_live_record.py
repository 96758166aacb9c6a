from __future__ import annotations

import numpy as np
import pytest

from bench.live_material import LEAD_FRAMES, Loop, MaterialKind
from bench.live_metrics import SeriesChange
from bench.live_record import Judgement, LiveResult, LiveRun, Setup, measured
from bench.live_trace import ClientReport, Ending, Lateness, Locked, Partial, StreamPlan, StreamTrace

LEAD_S = LEAD_FRAMES / 10
# Sound without end, ten seconds of it in a stream.
LOOP = Loop(np.zeros(0, np.int16), np.zeros(160_000, np.int16), ((0, 160_000),))
JUDGEMENT = Judgement(LOOP, seconds=10.0, interval_ms=480, cap_ms=30_000)
LATENESS = Lateness(100, send_p99_ms=1.0, send_max_ms=2.0, wake_p99_ms=3.0, wake_max_ms=4.0, held_s=0.0)
SERIES = (SeriesChange("asr_rtfx", "", "gauge", 10.0),)


def trace(number: int, *partials: Partial, ending: Ending) -> StreamTrace:
    plan = StreamPlan(number, "ws://server", 0.0, 0)
    locked = (Locked(10.1, LEAD_S, 9.9, 10.0, "stop", 7),) if ending.error is None else ()
    return StreamTrace(plan, "0", partials, locked, ending, opened_s=0.01)


@pytest.fixture
def run() -> LiveRun:
    good = [Partial(LEAD_S + k * 0.48 + 0.1, LEAD_S + k * 0.48, True) for k in range(1, 20)]
    stopped = Ending(ended_s=10.15, stop_s=10.0, final_s=10.1)
    waiting = Ending(ended_s=70.0, stop_s=10.0, error="no_final", waiting=True)
    reports = [
        ClientReport((trace(0, *good, ending=stopped), trace(1, *good, ending=stopped)), LATENESS),
        ClientReport((trace(2, *good, ending=waiting), trace(3, ending=Ending(3.0, error="x"))), LATENESS),
    ]
    return measured(reports, JUDGEMENT, SERIES)


def test_lost_streams_are_counted_by_cause_and_still_waiting_ones_are_in_the_finals(run: LiveRun) -> None:
    assert (run.streams, run.lost, run.waiting, run.silent) == (4, 2, 1, 1)
    assert run.errors == {"no_final": 1, "x": 1}
    assert (run.after_stop.count, run.after_stop.p50, run.after_stop.max) == (3, 100, 60_000)


def test_partials_of_all_streams_stand_in_one_figure(run: LiveRun) -> None:
    assert (run.first_partial.p50, run.interval.p50, run.lag.p99) == (580, 480, 100)
    assert (run.interval.count, run.lag.count) == (3 * 18, 3 * 19)
    # The lost one showed nothing of 2.7 s of sound: of five that fell due, four were over an interval late.
    assert (run.due, run.late) == (3 * 19 + 4, 4)
    assert run.late_share == pytest.approx(4 / 61)


def test_sentences_are_counted_by_reason(run: LiveRun) -> None:
    assert run.sentences == {"stop": 2}
    assert run.characters == 14
    assert run.workers == {"0": 4}


def test_run_without_streams_that_spoke_has_no_share() -> None:
    nothing = ClientReport((trace(0, ending=Ending(0.0, error="no_connection")),), LATENESS)
    run = measured([nothing], JUDGEMENT, ())
    assert (run.due, run.late_share, run.after_stop.p95) == (0, 0.0, None)


def test_every_row_has_a_cell_for_each_column(run: LiveRun) -> None:
    setup = Setup("voxshard", MaterialKind.CONTINUOUS, 10.0, 1.0, 480, 30_000, 2, "random weights", (), {})
    tables = LiveResult(setup, (run, run)).tables()
    assert len(tables) == 3 + 2
    for table in tables:
        assert {len(row) for row in table.rows} == {len(table.columns)}
    assert "random weights" in tables[0].title
