from __future__ import annotations

import asyncio
import random

import pytest

from gateway import departure
from gateway.departure import Departure
from gateway.live_sessions import LiveSessions
from gateway.metrics import GatewayMetrics
from tests.support.aio import run, turns, until
from tests.support.live_client import joined


@pytest.fixture(autouse=True)
def _looks_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departure, "_LOOK_EVERY_S", 0.001)


class Rig:
    def __init__(self) -> None:
        self.metrics = GatewayMetrics("0")
        self.sessions = LiveSessions(self.metrics)
        self.departure = Departure(self.sessions, self.metrics, random.Random(1))

    def departed(self, how: str) -> float | None:
        labels = {"gateway": "0", "how": how}
        return self.metrics.registry.get_sample_value("asr_gateway_departures_total", labels)


def test_nobody_there_is_nobody_to_be_waited_for() -> None:
    rig = Rig()
    run(rig.departure.drain(60.0))
    run(rig.departure.hurry(60.0))


def test_each_leaves_when_nothing_of_it_is_half_said() -> None:
    async def scenario() -> None:
        rig = Rig()
        at_rest, speaks = joined(rig.sessions), joined(rig.sessions, at_rest=False)
        draining = asyncio.create_task(rig.departure.drain(60.0))
        await until(lambda: at_rest.calls == ["leave"])
        assert (speaks.calls, draining.done()) == ([], False)
        speaks.at_rest = True
        await draining
        assert (speaks.calls, rig.departed("at_rest"), rig.departed("forced")) == (["leave"], 2, 0)

    run(scenario())


def test_only_a_share_of_them_leaves_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departure, "_LOOK_EVERY_S", 0.01)

    async def scenario() -> None:
        rig = Rig()
        clients = [joined(rig.sessions) for _ in range(2_000)]
        draining = asyncio.create_task(rig.departure.drain(60.0))
        await turns(1)
        assert sum(client.calls == ["leave"] for client in clients) == 2
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)

    run(scenario())


def test_who_speaks_on_stays_until_the_patience_is_over() -> None:
    rig = Rig()
    speaks = joined(rig.sessions, at_rest=False)
    run(rig.departure.drain(0.01))
    assert speaks.calls == []


def test_in_a_hurry_what_is_half_said_is_locked_first() -> None:
    rig = Rig()
    speaks = joined(rig.sessions, at_rest=False)
    run(rig.departure.hurry(0.01))
    assert (speaks.calls, rig.departed("forced")) == (["come to rest", "leave"], 1)


def test_nobody_is_sent_away_twice_and_nobody_waits_for_clients_that_do_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(departure, "CLOSE_FRAMES_S", 0.0)
    rig = Rig()
    silent = joined(rig.sessions, leaves_at="never")
    run(rig.departure.drain(1.0))
    run(rig.departure.hurry(0.0))
    assert silent.calls == ["leave"]


def test_one_that_raises_keeps_nobody_from_leaving() -> None:
    rig = Rig()
    broken = joined(rig.sessions, raises_at="leave", leaves_at="broken")
    other = joined(rig.sessions)
    run(rig.departure.drain(1.0))
    assert (broken.calls, other.calls) == (["leave", "broken"], ["leave"])
