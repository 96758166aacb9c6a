from __future__ import annotations

import asyncio

import pytest

from common.errors import SessionInUse
from gateway import live_sessions
from gateway.live_sessions import LiveSessions
from gateway.metrics import GatewayMetrics
from tests.support.aio import run, turns
from tests.support.live_client import joined


class Rig:
    def __init__(self) -> None:
        self.metrics = GatewayMetrics("0")
        self.sessions = LiveSessions(self.metrics)

    def metric(self, state: str) -> float | None:
        labels = {"gateway": "0", "state": state}
        return self.metrics.registry.get_sample_value("asr_gateway_connections", labels)


def test_a_live_id_is_taken_until_its_session_ends() -> None:
    sessions = Rig().sessions
    sessions.started("call", joined(sessions))
    with pytest.raises(SessionInUse):
        sessions.check_free("call")
    sessions.check_free("call-2")
    sessions.ended("call")
    sessions.ended("call")
    sessions.check_free("call")


def test_connections_and_sessions_are_counted_apart() -> None:
    rig = Rig()
    connection = joined(rig.sessions)
    joined(rig.sessions)
    assert (rig.metric("open"), rig.metric("in_session")) == (2, 0)
    rig.sessions.started("call", connection)
    assert (rig.sessions.count, rig.metric("open"), rig.metric("in_session")) == (1, 2, 1)
    rig.sessions.left(connection)
    rig.sessions.left(connection)
    assert (rig.metric("open"), rig.metric("in_session")) == (1, 1)
    rig.sessions.ended("call")
    assert (rig.sessions.count, rig.metric("in_session")) == (0, 0)


def test_whoever_has_a_session_is_told_that_it_goes_on_elsewhere() -> None:
    sessions = Rig().sessions
    holder, other = joined(sessions), joined(sessions)
    sessions.started("call", holder)
    sessions.take_over("call", "")
    sessions.take_over("another", "")
    assert (holder.calls, other.calls) == (["resumed elsewhere"], [])


def test_another_tenant_cannot_take_it_over() -> None:
    sessions = Rig().sessions
    holder = joined(sessions)
    holder.tenant = "mine"
    sessions.started("call", holder)
    with pytest.raises(SessionInUse):
        sessions.take_over("call", "theirs")
    assert holder.calls == []
    sessions.take_over("call", "mine")
    assert holder.calls == ["resumed elsewhere"]


def test_limits_are_checked_even_if_that_ends_connections() -> None:
    rig = Rig()
    connections = [joined(rig.sessions, leaves_at="limits at 7.0") for _ in range(3)]
    run(rig.sessions.check_limits(7.0))
    run(rig.sessions.check_limits(8.0))
    assert [connection.calls for connection in connections] == [["limits at 7.0"]] * 3


def test_a_connection_that_raises_is_ended_and_keeps_nobody_from_being_told() -> None:
    rig = Rig()
    connections = [joined(rig.sessions, raises_at="limits at 7.0") for _ in range(3)]
    run(rig.sessions.check_limits(7.0))
    assert [connection.calls for connection in connections] == [["limits at 7.0", "broken"]] * 3


def test_to_end_many_does_not_keep_others_from_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_sessions, "_TURN_S", -1.0)

    async def scenario() -> None:
        rig = Rig()
        connections = [joined(rig.sessions) for _ in range(3)]
        checking = asyncio.create_task(rig.sessions.check_limits(7.0))
        seen = []
        while not checking.done():
            await asyncio.sleep(0)
            seen.append(sum(bool(connection.calls) for connection in connections))
        assert seen[:3] == [1, 2, 3]

    run(scenario())


def test_who_waits_for_all_to_be_gone_waits_for_those_who_join_late_too() -> None:
    async def scenario() -> None:
        rig = Rig()
        first = joined(rig.sessions)
        gone = asyncio.create_task(rig.sessions.gone())
        await turns()
        late = joined(rig.sessions)
        rig.sessions.left(first)
        await turns()
        assert not gone.done()
        rig.sessions.left(late)
        await gone

    run(scenario())
