"""Latencies as a client would measure them; one frame of 100 samples comes each second."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from common.events import Committed, EndpointReason, Partial, SpeechStarted
from common.events import Final as FinalEvent
from gateway.client_latency import ClientLatency
from gateway.latency_metrics import LatencyMetrics
from tests.support.clock import ManualClock

Seen = tuple[float | None, float | None]
"""How many waits, and how long they were together."""


class Rig:
    def __init__(self) -> None:
        self._registry, self.clock = CollectorRegistry(), ManualClock()
        self.latency = ClientLatency(LatencyMetrics(self._registry, "0"), self.clock)

    def hear(self, *ends: int, settled: int = 0) -> None:
        for end in ends:
            self.latency.heard(end, settled)
            self.clock.advance(1)

    def partials(self) -> Seen:
        return self._seen("asr_first_partial_seconds", gateway="0")

    def finals(self, reason: EndpointReason) -> Seen:
        return self._seen("asr_final_latency_seconds", gateway="0", reason=reason.value)

    def _seen(self, name: str, **labels: str) -> Seen:
        count, total = (
            self._registry.get_sample_value(f"{name}_{part}", labels) for part in ("count", "sum")
        )
        return count, total


def final(reason: EndpointReason, end: int, endpoint: int, text: str = "ever") -> FinalEvent:
    return FinalEvent(0, text, 50, end, endpoint, reason)


@pytest.mark.parametrize("reason", [EndpointReason.SILENCE, EndpointReason.MAX_LENGTH])
def test_a_sentence_is_waited_for_since_its_last_sound_came(reason: EndpointReason) -> None:
    rig = Rig()
    rig.hear(100, 200, 300, 400)
    rig.latency.told(final(reason, end=200, endpoint=390))
    rig.latency.told(final(reason, end=201, endpoint=390))
    assert rig.finals(reason) == (2, 3.0 + 2.0)


@pytest.mark.parametrize("reason", [EndpointReason.COMMIT, EndpointReason.STOP])
def test_what_was_ordered_is_waited_for_since_its_own_order(reason: EndpointReason) -> None:
    rig = Rig()
    rig.hear(100, 200)
    rig.latency.ordered(200)
    rig.hear(300)
    rig.latency.ordered(300)
    rig.clock.advance(0.5)
    rig.latency.told(final(reason, end=150, endpoint=200))
    rig.latency.told(final(reason, end=250, endpoint=300))
    assert rig.finals(reason) == (2, 1.5 + 0.5)


def test_what_is_not_settled_keeps_its_time() -> None:
    rig = Rig()
    rig.hear(100, 200)
    rig.latency.ordered(200)
    rig.hear(300, settled=100)
    rig.latency.told(final(EndpointReason.SILENCE, end=150, endpoint=190))
    rig.latency.told(final(EndpointReason.COMMIT, end=150, endpoint=200))
    assert rig.finals(EndpointReason.SILENCE) == (1, 2.0)
    assert rig.finals(EndpointReason.COMMIT) == (1, 1.0)


def test_a_session_that_is_resumed_begins_at_a_later_sample() -> None:
    rig = Rig()
    rig.hear(5_100, 5_200, settled=5_000)
    rig.latency.told(final(EndpointReason.SILENCE, end=5_150, endpoint=5_190))
    assert rig.finals(EndpointReason.SILENCE) == (1, 1.0)


def test_nobody_hears_of_a_final_without_text() -> None:
    rig = Rig()
    rig.hear(100)
    rig.latency.told(final(EndpointReason.SILENCE, end=50, endpoint=90, text=""))
    assert rig.finals(EndpointReason.SILENCE) == (0, 0)


def test_first_text_is_timed_from_the_start_of_its_segment_and_once() -> None:
    rig = Rig()
    rig.hear(100, 200)
    rig.latency.told(SpeechStarted(0, 100))
    rig.latency.told(Partial(0, 1, "", 100, 150))
    assert rig.partials() == (0, 0)
    rig.latency.told(Partial(0, 2, "ever", 100, 200))
    rig.latency.told(Partial(0, 3, "ever tried", 100, 200))
    assert rig.partials() == (1, 1.0)


def test_a_segment_without_a_partial_has_no_first_text() -> None:
    rig = Rig()
    rig.hear(100)
    rig.latency.told(SpeechStarted(0, 50))
    rig.latency.told(final(EndpointReason.SILENCE, end=90, endpoint=95))
    rig.latency.told(Partial(0, 1, "late", 50, 90))
    assert rig.partials() == (0, 0)


def test_other_events_are_not_timed() -> None:
    rig = Rig()
    rig.hear(100)
    rig.latency.told(Committed(100))
    assert rig.partials() == (0, 0)
    assert [rig.finals(reason) for reason in EndpointReason] == [(0, 0)] * len(EndpointReason)
