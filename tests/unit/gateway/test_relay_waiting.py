from __future__ import annotations

from dataclasses import dataclass

from common.errors import SessionInUse
from common.events import Degraded, Moved
from gateway.session_log import KEPT, MAX_ORDERS, Order
from tests.support.relay_rig import CREDIT, PATIENCE_S, RelayRig


@dataclass
class Alone:
    """A session whose only worker is lost."""

    rig: RelayRig

    @classmethod
    def after(cls, samples: int) -> Alone:
        rig = RelayRig("0")
        rig.opens()
        rig.speak(samples)
        rig.lose()
        return cls(rig)


def test_a_session_without_a_worker_says_so_and_keeps_its_audio() -> None:
    rig = Alone.after(100).rig
    assert rig.client.told == ["opened", Degraded(round(PATIENCE_S))]
    assert rig.workers.waiting == [rig.relay]
    rig.speak(50)
    assert not rig.relay.full
    rig.workers.ready = ["0"]
    assert rig.workers.serve_waiting() == [True]
    rig.clock.advance(2.0)
    rig.opens()
    assert rig.now.told == [(0, 150)]
    assert rig.client.told[-1] == Moved("0")
    assert rig.metric("asr_session_move_seconds_sum", waited="yes") == 2.0
    assert rig.metric("asr_session_move_seconds_count", waited="yes") == 1


def test_it_says_when_a_worker_should_be_back() -> None:
    rig = RelayRig("0")
    rig.opens()
    rig.eta_s = 7
    rig.lose()
    assert rig.client.told[-1] == Degraded(round(PATIENCE_S), 7)


def test_it_goes_on_waiting_while_none_is_ready() -> None:
    rig = Alone.after(100).rig
    assert rig.workers.serve_waiting() == [False]


def test_it_takes_up_no_second_worker() -> None:
    rig = RelayRig()
    rig.opens()
    assert rig.relay.take_up()
    assert len(rig.workers.placed) == 1


def test_it_reads_no_more_of_its_client_than_it_can_keep() -> None:
    rig = Alone.after(100).rig
    rig.speak(KEPT - CREDIT - 101)
    assert not rig.relay.full
    rig.speak(1)
    assert rig.relay.full


def test_nor_more_orders() -> None:
    rig = Alone.after(100).rig
    full = []
    for _ in range(MAX_ORDERS):
        full.append(rig.relay.full)
        rig.relay.order(Order.COMMIT)
    assert (any(full), rig.relay.full) == (False, True)
    rig.workers.ready = ["0"]
    rig.workers.serve_waiting()
    rig.opens()
    assert rig.now.told == [(0, 100), *[Order.COMMIT] * MAX_ORDERS]
    assert (rig.relay.full, rig.client.flowed > 0) == (False, True)


def test_its_patience_ends() -> None:
    rig = Alone.after(100).rig
    rig.clock.advance(PATIENCE_S)
    rig.relay.check(rig.clock.now())
    assert rig.client.told[-1] != "given up"
    rig.clock.advance(0.1)
    rig.relay.check(rig.clock.now())
    assert rig.client.told[-1] == "given up"
    assert rig.workers.waiting == []


def test_a_client_that_leaves_meanwhile_waits_no_more() -> None:
    rig = Alone.after(100).rig
    rig.relay.close()
    assert rig.workers.waiting == []


def test_what_is_left_of_it_in_a_worker_that_came_back_is_waited_for() -> None:
    rig = Alone.after(100).rig
    rig.workers.ready = ["0"]
    rig.workers.serve_waiting()
    rig.fail(SessionInUse)
    assert rig.workers.waiting == [rig.relay]
    assert rig.workers.serve_waiting() == [True]
    rig.opens()
    assert rig.now.told == [(0, 100)]


def test_being_refused_again_and_again_does_not_lengthen_its_patience() -> None:
    rig = Alone.after(100).rig
    rig.workers.ready = ["0"]
    begun_at = rig.clock.now()
    while rig.client.told[-1] != "given up":
        rig.workers.serve_waiting()
        rig.fail(SessionInUse)
        rig.clock.advance(0.5)
        rig.relay.check(rig.clock.now())
        assert rig.clock.now() - begun_at <= PATIENCE_S + 1
    assert len([told for told in rig.client.told if isinstance(told, Degraded)]) == 1


def test_a_session_too_long_to_be_heard_again_is_given_up() -> None:
    rig = RelayRig()
    rig.opens(credit=2 * KEPT)
    rig.speak(KEPT)
    rig.speak(1)
    rig.speak(1)
    rig.lose()
    assert rig.client.told[-1] == "given up"
