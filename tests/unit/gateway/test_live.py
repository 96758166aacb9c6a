"""What is measured of sessions, and counted of those that are given up; real clients test what they see."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from common.errors import EngineFailed, InternalError, WorkerLost
from common.events import EndpointReason, Failed, SessionOptions
from common.events import Final as FinalEvent
from gateway.access.doors import Unlimited
from gateway.hold import Registry
from gateway.limits_watch import TimeLimits
from gateway.live import LiveConnection
from gateway.live_services import LiveServices
from gateway.live_sessions import LiveSessions
from gateway.metrics import GatewayMetrics
from gateway.relay_services import RelayServices
from gateway.resume_tokens import ResumeTokens
from tests.support.clock import ManualClock
from tests.support.relay_rig import Pins, Records, Workers

HALF_A_SECOND = bytes(2 * 8_000)


class Rig:
    """A client in a session with a worker that is the test."""

    def __init__(self) -> None:
        self.clock, self.metrics = ManualClock(), GatewayMetrics("0")
        clock = self.clock
        registry = Registry(Pins(), Records())
        relay = RelayServices(Workers("0"), registry, self.metrics, clock, 60, lambda: None)
        tokens = ResumeTokens(lambda: ["seed"], clock.now)
        sessions, limits = LiveSessions(self.metrics), TimeLimits(60, 600, 14_400)
        self.live = LiveConnection(
            LiveServices(relay, sessions, self.metrics, clock, tokens, SessionOptions(), limits, 30),
            Unlimited(),
        )
        self.live.text("START")
        self.live.opened()
        self.live.binary(HALF_A_SECOND)

    def lost_s(self, reason: str) -> float | None:
        labels = {"gateway": "0", "reason": reason}
        return self.metrics.registry.get_sample_value("asr_audio_lost_seconds_total", labels)


def failed(live: LiveConnection) -> None:
    live.event(Failed(EngineFailed.code, EngineFailed().text))


@pytest.mark.parametrize(
    ("give_up", "reason"),
    [
        (failed, EngineFailed.code),
        (LiveConnection.given_up, WorkerLost.code),
        (LiveConnection.broken, InternalError.code),
    ],
)
def test_what_a_session_that_is_given_up_had_not_settled_is_lost(
    give_up: Callable[[LiveConnection], None], reason: str
) -> None:
    rig = Rig()
    assert rig.lost_s(reason) == 0
    give_up(rig.live)
    assert rig.lost_s(reason) == 0.5
    give_up(rig.live)
    assert rig.lost_s(reason) == 0.5


def test_a_client_that_leaves_loses_nothing() -> None:
    rig = Rig()
    rig.live.closed(1001)
    assert {rig.lost_s(error.code) for error in (EngineFailed, WorkerLost, InternalError)} == {0}


@pytest.mark.parametrize(("reason", "waited_s"), [(EndpointReason.SILENCE, 3.0), (EndpointReason.STOP, 1.0)])
def test_a_final_is_waited_for_since_the_last_sound_or_the_order_came(
    reason: EndpointReason, waited_s: float
) -> None:
    rig = Rig()
    rig.clock.advance(2)
    rig.live.binary(HALF_A_SECOND)
    rig.live.text("STOP")
    rig.clock.advance(1)
    rig.live.event(FinalEvent(0, "ever", 0, 8_000, 16_000, reason))
    labels = {"gateway": "0", "reason": reason.value}
    assert rig.metrics.registry.get_sample_value("asr_final_latency_seconds_sum", labels) == waited_s


def test_a_client_that_has_left_is_told_nothing() -> None:
    rig = Rig()
    rig.live.closed(1001)
    rig.live.event(FinalEvent(0, "ever", 0, 8_000, 8_000, EndpointReason.SILENCE))
    labels = {"gateway": "0", "reason": "silence"}
    assert rig.metrics.registry.get_sample_value("asr_final_latency_seconds_count", labels) == 0
