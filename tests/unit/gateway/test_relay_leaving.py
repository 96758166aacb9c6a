from __future__ import annotations

from common.checkpoint import Checkpoint
from common.events import EndpointReason, Moved, Partial, SpeechStarted, Stopped
from common.events import Final as FinalEvent
from gateway.session_log import Order
from tests.support.relay_rig import RelayRig

FINAL = FinalEvent(0, "first", 0, 80, 100, EndpointReason.SILENCE)
SETTLED = Checkpoint(90, 100, 1)


def speaking() -> RelayRig:
    """In the middle of a segment."""
    rig = RelayRig()
    rig.opens()
    rig.speak(150)
    rig.relay.event(SpeechStarted(0, 0))
    return rig


def test_in_silence_it_leaves_at_once_and_has_nothing_to_be_heard_again() -> None:
    rig = RelayRig()
    rig.opens()
    left = rig.now
    rig.relay.leave()
    assert left.closed
    assert (rig.now.worker, rig.now.epoch) == ("1", 2)
    rig.opens()
    rig.speak(10)
    assert rig.now.told == [(0, 10)]
    assert rig.client.told == ["opened", Moved("1")]
    assert rig.client.moved == [("drain", "0", 0)]
    assert rig.metric("asr_session_moves_total", reason="drain") == 1
    assert rig.metric("asr_replayed_audio_seconds_total") == 0


def test_in_a_sentence_it_leaves_at_its_end() -> None:
    rig = speaking()
    rig.relay.leave()
    rig.relay.event(Partial(0, 1, "fi", 0, 50))
    assert len(rig.workers.placed) == 1
    rig.relay.event(FINAL)
    assert len(rig.workers.placed) == 1
    rig.relay.settled(SETTLED)
    assert (rig.now.worker, rig.now.checkpoint) == ("1", SETTLED)
    rig.opens()
    assert rig.now.told == [(90, 150)]
    assert rig.client.told[-2:] == [FINAL, Moved("1")]


def test_it_does_not_leave_between_an_order_and_its_answer() -> None:
    rig = RelayRig()
    rig.opens()
    rig.speak(10)
    rig.relay.order(Order.STOP)
    rig.relay.leave()
    assert len(rig.workers.placed) == 1
    rig.relay.event(Stopped(10))
    assert len(rig.workers.placed) == 1


def test_it_stays_while_there_is_nowhere_else_and_leaves_when_there_is() -> None:
    rig = speaking()
    rig.relay.event(FINAL)
    rig.relay.settled(SETTLED)
    rig.workers.ready = []
    rig.relay.leave()
    assert len(rig.workers.placed) == 1
    rig.speak(10)
    assert rig.now.told[-1] == (150, 160)
    rig.workers.ready = ["1"]
    rig.relay.leave()
    assert rig.now.worker == "1"


def test_it_leaves_once() -> None:
    rig = RelayRig()
    rig.opens()
    rig.relay.leave()
    rig.opens()
    rig.relay.settled(Checkpoint(0, 0, 0))
    assert len(rig.workers.placed) == 2


def test_a_worker_that_ends_before_that_is_a_loss_like_any_other() -> None:
    rig = speaking()
    rig.relay.leave()
    rig.lose()
    rig.opens()
    assert rig.now.told == [(0, 150)]
    assert rig.metric("asr_session_moves_total", reason="link") == 1
