"""A session asks for its pin before it asks for a worker."""

from __future__ import annotations

import pytest

from common.errors import NoWorker, Overloaded, SessionInUse
from common.events import Failed, SessionOptions
from gateway.hold import Beginning, Registry
from gateway.registry.memory import MemoryPins, MemoryTable
from gateway.relay import SessionRelay
from gateway.relay_services import RelayServices
from tests.support.clock import ManualClock
from tests.support.relay_rig import Client, RelayRig

OTHER = Beginning("other", "")
IN_USE = Failed(SessionInUse.code, SessionInUse().text)


def test_no_worker_is_asked_before_the_pin_is_granted() -> None:
    rig = RelayRig(pinned=False)
    assert (rig.workers.placed, rig.relay.full, rig.client.told) == ([], False, [])
    rig.holder.pinned()
    assert rig.now.epoch == 1
    rig.opens()
    assert rig.client.told == ["opened"]


def test_a_session_whose_id_is_taken_ends_without_a_worker() -> None:
    rig = RelayRig(pinned=False)
    rig.holder.taken()
    assert (rig.workers.placed, rig.client.told, rig.records.kept) == ([], [IN_USE], None)


def test_a_live_session_whose_id_another_gateway_keeps_ends() -> None:
    rig = RelayRig()
    rig.opens()
    rig.holder.taken()
    assert (rig.client.told, rig.now.closed, rig.records.left) == (["opened", IN_USE], True, True)


def test_a_session_that_waits_for_a_worker_ends_too() -> None:
    rig = RelayRig("0")
    rig.opens()
    rig.lose()
    rig.holder.taken()
    assert (rig.client.told[-1], rig.workers.waiting) == (IN_USE, [])


def test_the_pin_is_given_back_at_the_end_and_when_the_client_leaves_before() -> None:
    for pinned in (True, False):
        rig = RelayRig(pinned=pinned)
        assert list(rig.pins.holders) == ["call"]
        rig.relay.close()
        assert rig.pins.holders == {}


def test_without_a_worker_the_pin_is_given_back() -> None:
    rig = RelayRig(pinned=False)
    rig.workers.ready.clear()
    rig.holder.pinned()
    assert (rig.client.told, rig.pins.holders) == ([Failed(NoWorker.code, NoWorker().text)], {})


def test_whatever_goes_wrong_at_the_start_the_pin_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = RelayRig()
    pins = MemoryPins(MemoryTable(ManualClock()), "self")
    services = RelayServices(
        rig.workers, Registry(pins, rig.records), rig.metrics, rig.clock, 60, lambda: None
    )

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(rig.workers, "open", broken)
    with pytest.raises(RuntimeError):
        SessionRelay(OTHER, SessionOptions(), Client(), services).start()
    assert pins.claim("other", 0, rig.holder)


def test_where_no_worker_has_room_the_pin_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = RelayRig(pinned=False)

    def full(*_: object) -> None:
        raise Overloaded(retry_after_s=3.0)

    monkeypatch.setattr(rig.workers, "open", full)
    rig.holder.pinned()
    assert rig.client.told == [Failed(Overloaded.code, Overloaded().text, 3.0)]
    assert rig.pins.holders == {}


def test_with_pins_in_memory_all_that_is_known_at_start_is_raised_by_it() -> None:
    rig = RelayRig()
    pins = MemoryPins(MemoryTable(ManualClock()), "self")
    services = RelayServices(
        rig.workers, Registry(pins, rig.records), rig.metrics, rig.clock, 60, lambda: None
    )

    def start() -> None:
        SessionRelay(OTHER, SessionOptions(), Client(), services).start()

    ready, rig.workers.ready = rig.workers.ready, []
    with pytest.raises(NoWorker):
        start()
    rig.workers.ready = ready
    start()
    with pytest.raises(SessionInUse):
        start()
