from __future__ import annotations

import math

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from tests.chaos.figures import Run, behind, finals, interims, moves, outcomes, quantile, rows
from tests.chaos.history import History
from tests.chaos.script import FRAME_MS
from tests.chaos.trouble import Blow
from tests.support.exposition import Metrics
from tests.unit.chaos.history_rig import SCRIPT, WORKER, event, good, history_of, result


def moved_history(*before: str) -> History:
    """`moved` comes at 0.01 s."""
    messages = [event("started"), *(event(name) for name in before), event("moved", worker="2")]
    return history_of([*messages, event("stopped", worker="2")])


def gateway_metrics(*seconds: float) -> Metrics:
    registry = CollectorRegistry()
    Counter("asr_replayed_audio_seconds", ".", registry=registry).inc(7)
    histogram = Histogram(
        "asr_session_move_seconds", ".", ["waited"], buckets=(0.001, 0.01, 0.1), registry=registry
    ).labels("no")
    for each in seconds:
        histogram.observe(each)
    return Metrics(generate_latest(registry).decode())


def test_a_move_counts_from_the_first_blow_to_its_worker_since_that_has_it() -> None:
    blows = [
        Blow(-5.0, WORKER),
        Blow(-0.05, WORKER),
        Blow(-0.06, "7"),
        Blow(0.005, WORKER),
        Blow(3.0, WORKER),
    ]
    [move] = moves(moved_history(), blows)
    assert (move.session, move.waited) == (SCRIPT.number, False)
    assert move.seconds == pytest.approx(0.06)


def test_a_session_that_heard_degraded_waited_for_a_worker() -> None:
    [move] = moves(moved_history("degraded"), [Blow(-0.01, WORKER)])
    assert move.waited


def test_a_move_that_nobody_caused_is_none() -> None:
    assert not list(moves(moved_history(), [Blow(-0.01, "7"), Blow(-1.0, WORKER)]))


def test_a_sentence_is_late_by_the_time_since_its_endpoint_was_sent() -> None:
    history = good()
    delays = list(finals(history))
    assert [delay.seconds for delay in delays] == pytest.approx([0.01] * len(history.locked))
    assert [delay.sent_at for delay in delays] == [
        history.sent_at[(sentence.endpoint - 1) // FRAME_MS] for sentence in history.locked
    ]


def test_an_interim_result_counts_once_for_the_audio_that_it_has_heard() -> None:
    partials = [result((), partial="heard", duration_ms=heard_ms) for heard_ms in (100, 300, 300, 250)]
    history = history_of([event("started"), *partials, result((), duration_ms=400)])
    assert [delay.sent_at for delay in interims(history)] == [history.sent_at[0], history.sent_at[2]]


def test_a_client_on_time_is_not_behind() -> None:
    history = good()
    assert behind(history) == pytest.approx(0)
    history.sent_at[7] += 0.25
    assert behind(history) == pytest.approx(0.25)


@pytest.mark.parametrize(("share", "value"), [(0.01, 1), (0.5, 2), (0.51, 3), (0.75, 3), (1.0, 4)])
def test_a_quantile_is_a_value_that_was_there(share: float, value: float) -> None:
    assert quantile([4, 2, 1, 3], share) == value


def test_it_is_counted_how_sessions_ended() -> None:
    refused = history_of([event("started"), event("error", code="worker_lost")])
    histories = [good(), refused, good(), history_of([event("started")])]
    assert outcomes(histories) == "2 stopped, 1 worker_lost, 1 no end"


def test_of_nothing_there_is_no_quantile() -> None:
    assert math.isnan(quantile([], 0.5))


def test_the_table_has_all_figures() -> None:
    blows = (Blow(-1.0, WORKER),)
    run = Run((moved_history(), good()), blows, gateway_metrics(*[0.002] * 98, 0.0005, 0.05))
    table = dict(rows(run, violations=0))
    assert table["sessions"].startswith("2, ")
    assert table["outcomes"] == "2 stopped"
    assert table["blows to workers"] == "1"
    assert table["moves"] == "2"
    assert table["of those, none there at first"] == "0"
    assert table["audio heard again"] == "7 s"
    assert table["loss to accepted, at the gateway"] == "p50 10 ms, p95 10 ms, p99 10 ms"
    assert table["blow to `moved`, none there"] == "none"
    assert table["violations"] == "0"


def test_without_moves_the_gateway_has_no_times() -> None:
    assert dict(rows(Run((good(),), (), gateway_metrics()), 0))["loss to accepted, at the gateway"] == "none"
