from __future__ import annotations

import pytest

from bench.live_material import Stretch
from bench.live_trace import Ending, Locked, Partial, StreamPlan, StreamTrace
from bench.mps.fault import gap_s, unheard_s, worker_ends
from bench.mps.record import WorkerEnd
from bench.mps.serving import Event

SOUND = [Stretch(1.0, 3.0), Stretch(4.0, 9.0)]


def trace(*sentences: tuple[float, float], partials: tuple[float, ...] = ()) -> StreamTrace:
    return StreamTrace(
        StreamPlan(0, "ws://", 0.0, 0),
        "0",
        tuple(Partial(at, at, True) for at in partials),
        tuple(Locked(end + 0.5, start, end, None, None, 10) for start, end in sentences),
        Ending(10.0),
    )


@pytest.mark.parametrize(
    ("sentences", "missing_s"),
    [
        ([(0.7, 9.0)], 0.0),
        ([(0.7, 3.1), (3.8, 9.2)], 0.0),
        # Borders may be off a little.
        ([(1.2, 2.8), (4.2, 8.8)], 0.0),
        ([(0.7, 3.1), (3.8, 6.0)], 2.7),
        ([(0.7, 3.1), (6.0, 9.0)], 1.7),
        ([(0.7, 3.1), (3.8, 5.0), (7.0, 9.0)], 1.7),
        ([], 1.7 + 4.7),
    ],
)
def test_sound_that_is_in_no_sentence_counts(sentences: list[tuple[float, float]], missing_s: float) -> None:
    assert unheard_s(trace(*sentences), SOUND) == pytest.approx(missing_s)


def test_the_longest_silence_of_the_server_is_the_gap() -> None:
    assert gap_s(trace((0.0, 4.5), partials=(1.0, 2.0, 65.0, 65.5))) == 60.0
    assert gap_s(trace()) == 0.0


def event(at: float, message: str, child: str, **fields: str) -> Event:
    return Event(at, "supervisor", message, {"child": child, **fields})


def test_what_became_of_each_worker() -> None:
    events = [
        event(100.1, "child gone", "worker-1"),
        event(100.2, "child died", "worker-1", how="could not use its card"),
        event(100.3, "child gone", "worker-0"),
        event(160.0, "child ready", "worker-0"),
        event(170.0, "child gone", "worker-0"),
        event(100.4, "child gone", "gateway-0"),
    ]
    assert worker_ends(events, 100.0, ["worker-1", "worker-0", "worker-2"]) == (
        WorkerEnd("worker-1", 0.1, "could not use its card", None),
        WorkerEnd("worker-0", 0.3, "was taken off the card", 60.0),
        WorkerEnd("worker-2", None, "lives", None),
    )
