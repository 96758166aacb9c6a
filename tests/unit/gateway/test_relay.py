from __future__ import annotations

import msgspec
import pytest

from common.checkpoint import ORIGIN, Checkpoint
from common.errors import (
    EngineFailed,
    InternalError,
    NoWorker,
    Overloaded,
    SessionEvicted,
    SessionInUse,
    VoxshardError,
)
from common.events import (
    Committed,
    EndpointReason,
    Event,
    Failed,
    Moved,
    Partial,
    SessionOptions,
    SpeechStarted,
    Stopped,
)
from common.events import Final as FinalEvent
from gateway.session_log import Order
from tests.support.relay_rig import RelayRig

FINAL = FinalEvent(0, "first", 0, 80, 100, EndpointReason.SILENCE)
SETTLED = Checkpoint(90, 100, 1)


def opened() -> RelayRig:
    rig = RelayRig()
    rig.opens()
    return rig


# --- one worker --------------------------------------------------------------------------------


def test_a_session_begins_with_the_first_placement() -> None:
    rig = opened()
    assert (rig.now.worker, rig.now.epoch, rig.now.checkpoint) == ("0", 1, ORIGIN)
    assert rig.client.told == ["opened"]


def test_without_a_worker_it_does_not_begin() -> None:
    rig = RelayRig()
    rig.workers.ready.clear()
    with pytest.raises(NoWorker):
        rig.relay.start()


def test_audio_and_orders_go_to_the_worker_as_it_has_room() -> None:
    rig = RelayRig()
    rig.speak(100)
    assert rig.now.told == []
    rig.opens(credit=150)
    rig.speak(100)
    rig.relay.order(Order.COMMIT)
    assert rig.now.told == [(0, 100), (100, 200), Order.COMMIT]
    assert rig.relay.full
    rig.speak(10)
    assert len(rig.now.told) == 3
    rig.relay.credit(100)
    assert rig.now.told[3:] == [(200, 210)]
    assert not rig.relay.full


def test_what_the_worker_says_reaches_the_client() -> None:
    rig = opened()
    events: list[Event] = [SpeechStarted(0, 0), Partial(0, 1, "fi", 0, 50), FINAL, Stopped(100)]
    for event in events:
        rig.relay.event(event)
    assert rig.client.told == ["opened", *events]


def test_a_session_that_is_closed_is_closed_at_its_worker() -> None:
    rig = opened()
    rig.relay.close()
    assert rig.now.closed


def test_a_session_that_has_stopped_needs_no_closing() -> None:
    rig = opened()
    rig.relay.event(Stopped(0))
    rig.relay.close()
    assert not rig.now.closed


# --- another worker ----------------------------------------------------------------------------


def test_another_worker_hears_all_that_is_not_settled_and_goes_on() -> None:
    rig = opened()
    rig.speak(150)
    rig.relay.event(FINAL)
    rig.relay.settled(SETTLED)
    rig.relay.order(Order.COMMIT)
    rig.lose()
    assert (rig.now.worker, rig.now.epoch, rig.now.checkpoint) == ("1", 2, SETTLED)
    rig.speak(10)
    assert rig.now.told == []
    rig.opens()
    rig.speak(5)
    assert rig.now.told == [(90, 150), Order.COMMIT, (150, 160), (160, 165)]
    assert rig.client.told == ["opened", FINAL, Moved("1")]
    assert rig.metric("asr_session_moves_total", reason="link") == 1
    assert rig.metric("asr_replayed_audio_seconds_total") == 60 / 16_000
    assert rig.client.moved == [("link", "0", 60)]


def test_a_client_that_was_not_read_from_is_read_from_again_while_its_session_moves() -> None:
    rig = RelayRig()
    rig.opens(credit=100)
    rig.speak(100)
    flowed, full = rig.client.flowed, rig.relay.full
    rig.lose()
    assert (full, rig.relay.full) == (True, False)
    assert rig.client.flowed > flowed


def test_the_audio_is_the_same() -> None:
    rig = opened()
    sent = bytes(range(256)) * 4
    rig.relay.audio(sent[:600])
    rig.lose()
    rig.opens()
    rig.relay.audio(sent[600:])
    assert rig.now.heard == sent


def test_nothing_is_said_twice() -> None:
    rig = opened()
    rig.speak(150)
    rig.relay.event(SpeechStarted(0, 0))
    # Its worker dies between text and checkpoint.
    rig.relay.event(FINAL)
    rig.lose()
    rig.opens()
    rig.relay.event(SpeechStarted(0, 0))
    rig.relay.event(Partial(0, 1, "fir", 0, 60))
    rig.relay.event(msgspec.structs.replace(FINAL, text="another"))
    rig.relay.event(SpeechStarted(1, 110))
    assert rig.client.told[1:] == [SpeechStarted(0, 0), FINAL, Moved("1"), SpeechStarted(1, 110)]


def test_an_answer_that_got_lost_is_asked_for_again() -> None:
    rig = opened()
    rig.speak(100)
    rig.relay.order(Order.COMMIT)
    rig.lose()
    rig.opens()
    assert rig.now.told == [(0, 100), Order.COMMIT]
    rig.relay.event(Committed(100))
    rig.lose()
    rig.workers.ready = ["2"]
    rig.workers.serve_waiting()
    rig.opens()
    assert rig.now.told == [(0, 100)]
    assert rig.client.told.count(Committed(100)) == 1


def test_options_in_force_are_those_of_the_moment() -> None:
    rig = opened()
    german = SessionOptions(language="de")
    rig.relay.configure(german)
    assert rig.now.told == [german]
    rig.lose()
    assert rig.now.options == german


@pytest.mark.parametrize("error", [EngineFailed, InternalError, SessionEvicted])
def test_a_session_that_its_worker_gives_up_moves_too(error: type[VoxshardError]) -> None:
    rig = opened()
    rig.speak(100)
    rig.fail(error)
    assert (rig.now.worker, rig.now.epoch) == ("1", 2)
    assert not rig.workers.placed[0].closed
    assert rig.metric("asr_session_moves_total", reason=error.code) == 1


@pytest.mark.parametrize("error", [SessionInUse, Overloaded])
def test_a_session_that_its_first_worker_does_not_take_ends(error: type[VoxshardError]) -> None:
    rig = RelayRig()
    rig.fail(error)
    assert [type(event) for event in rig.client.told] == [Failed]
    assert len(rig.workers.placed) == 1


def test_a_session_whose_first_worker_dies_at_once_begins_with_another_one() -> None:
    rig = RelayRig()
    rig.lose()
    assert rig.client.told == []
    rig.opens()
    rig.speak(10)
    assert rig.client.told == ["opened"]
    assert rig.now.told == [(0, 10)]


def test_a_session_that_never_began_does_not_wait_for_a_worker() -> None:
    rig = RelayRig("0")
    rig.lose()
    assert rig.client.told == [Failed(NoWorker.code, NoWorker().text)]
    assert rig.workers.waiting == []
