from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from common.events import Committed, EndpointReason
from common.events import Final as FinalEvent
from tests.support.clock import ManualClock
from worker.metrics import WorkerMetrics
from worker.session_meter import CREDIT_SAMPLES, SessionMeter, SessionTiming

QUANTUM: Final = CREDIT_SAMPLES // 8


class Rig:
    def __init__(self) -> None:
        self.metrics = WorkerMetrics("0")
        self.clock = ManualClock()
        self.timing = SessionTiming(self.metrics, self.clock)

    def arrive(self, *ends: int) -> None:
        """One frame a second."""
        for end in ends:
            self.timing.arrived(end)
            self.clock.advance(1)

    def seen(self, name: str) -> tuple[float | None, float | None]:
        """Count and sum of a histogram."""
        registry, labels = self.metrics.registry, {"worker": "0"}
        return (
            registry.get_sample_value(f"{name}_count", labels),
            registry.get_sample_value(f"{name}_sum", labels),
        )


def final(reason: EndpointReason, endpoint: int = 200) -> FinalEvent:
    return FinalEvent(0, "ever", 100, 150, endpoint, reason)


def test_only_newly_settled_samples_count() -> None:
    meter = SessionMeter(settled=100, credited=0)
    assert [meter.settle(sample) for sample in (150, 150, 120, 400)] == [50, 0, 0, 250]


def test_credit_is_given_back_in_pieces() -> None:
    meter = SessionMeter(settled=0, credited=0)
    assert [meter.credit_due(cursor) for cursor in (QUANTUM - 1, QUANTUM, QUANTUM + 1)] == [0, QUANTUM, 0]


@given(st.lists(st.integers(0, 40 * QUANTUM), max_size=30))
def test_no_sample_is_credited_twice_wherever_cuts_send_the_cursor(cursors: list[int]) -> None:
    meter = SessionMeter(settled=0, credited=0)
    given_back = sum(meter.credit_due(cursor) for cursor in cursors)
    farthest = max(cursors, default=0)
    assert farthest - QUANTUM < given_back <= farthest


def test_the_age_of_a_sample_is_the_time_since_its_frame_came() -> None:
    rig = Rig()
    assert rig.timing.age_of(0) == 0.0
    rig.arrive(100, 200)
    assert (rig.timing.age_of(99), rig.timing.age_of(100)) == (2.0, 1.0)
    rig.timing.trim(150)
    assert rig.timing.age_of(0) == 1.0


def test_a_final_is_timed_from_the_arrival_of_the_audio_that_ended_it() -> None:
    rig = Rig()
    rig.arrive(100, 200, 300)
    rig.timing.observe(final(EndpointReason.SILENCE, endpoint=200))
    rig.timing.observe(final(EndpointReason.SILENCE, endpoint=201))
    assert rig.seen("asr_final_wait_seconds") == (2, 2.0 + 1.0)


def test_a_cut_is_timed_from_its_decision_not_from_its_place() -> None:
    rig = Rig()
    rig.arrive(100, 200, 300)
    rig.timing.final_asked(0)
    rig.timing.final_asked(0)
    rig.clock.advance(0.25)
    rig.timing.observe(final(EndpointReason.MAX_LENGTH, endpoint=100))
    assert rig.seen("asr_final_wait_seconds") == (1, 0.25)


def test_a_final_that_was_ordered_is_timed_from_the_order() -> None:
    rig = Rig()
    rig.arrive(100, 200)
    rig.timing.marked()
    rig.clock.advance(0.5)
    rig.timing.observe(final(EndpointReason.COMMIT))
    rig.timing.observe(final(EndpointReason.STOP))
    assert rig.seen("asr_final_wait_seconds") == (2, 1.0)


def test_other_events_are_not_timed() -> None:
    rig = Rig()
    rig.timing.observe(Committed(100))
    assert rig.seen("asr_final_wait_seconds") == (0, 0)
