from __future__ import annotations

import asyncio

import pytest

from common.errors import SessionInUse
from gateway.live_sessions import LiveSessions
from gateway.metrics import GatewayMetrics
from tests.support.aio import run, turns


class Connection:
    """Leaves when it is asked, when it is told, or never."""

    def __init__(self, sessions: LiveSessions, *, leaves_at: str = "restart", raises_at: str = "") -> None:
        self._sessions = sessions
        self._leaves_at = leaves_at
        self._raises_at = raises_at
        self.calls: list[str] = []

    def check_limits(self, now: float) -> None:
        self._called(f"limits at {now}")

    def restart(self) -> None:
        self._called("restart")

    def restart_now(self) -> None:
        self._called("restart_now")

    def broken(self) -> None:
        self._called("broken")

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name == self._raises_at:
            raise RuntimeError(name)
        if name == self._leaves_at:
            self._sessions.left(self)


class Rig:
    def __init__(self) -> None:
        self.metrics = GatewayMetrics("0")
        self.sessions = LiveSessions(self.metrics)

    def join(self, *, leaves_at: str = "restart", raises_at: str = "") -> Connection:
        connection = Connection(self.sessions, leaves_at=leaves_at, raises_at=raises_at)
        self.sessions.joined(connection)
        return connection

    def metric(self, state: str) -> float | None:
        labels = {"gateway": "0", "state": state}
        return self.metrics.registry.get_sample_value("asr_gateway_connections", labels)


def test_a_live_id_is_taken_until_its_session_ends() -> None:
    sessions = Rig().sessions
    sessions.started("call")
    with pytest.raises(SessionInUse):
        sessions.check_free("call")
    sessions.check_free("call-2")
    sessions.ended("call")
    sessions.ended("call")
    sessions.check_free("call")


def test_connections_and_sessions_are_counted_apart() -> None:
    rig = Rig()
    connection = rig.join()
    rig.join()
    assert (rig.metric("open"), rig.metric("in_session")) == (2, 0)
    rig.sessions.started("call")
    assert (rig.sessions.count, rig.metric("open"), rig.metric("in_session")) == (1, 2, 1)
    rig.sessions.left(connection)
    rig.sessions.left(connection)
    assert (rig.metric("open"), rig.metric("in_session")) == (1, 1)
    rig.sessions.ended("call")
    assert (rig.sessions.count, rig.metric("in_session")) == (0, 0)


def test_limits_are_checked_even_if_that_ends_connections() -> None:
    rig = Rig()
    connections = [rig.join(leaves_at="limits at 7.0") for _ in range(3)]
    rig.sessions.check_limits(7.0)
    rig.sessions.check_limits(8.0)
    assert [connection.calls for connection in connections] == [["limits at 7.0"]] * 3


def test_restart_is_over_at_once_when_nobody_is_there() -> None:
    run(Rig().sessions.restart(60.0))


def test_restart_waits_for_those_who_still_have_something_to_say() -> None:
    async def scenario() -> None:
        rig = Rig()
        at_once, later = rig.join(), rig.join(leaves_at="never")
        rig.sessions.started("call")
        restarting = asyncio.create_task(rig.sessions.restart(60.0))
        await turns()
        assert (at_once.calls, later.calls) == (["restart"], ["restart"])
        rig.sessions.left(later)
        await turns()
        assert not restarting.done()
        rig.sessions.ended("call")
        await restarting

    run(scenario())


def test_connections_without_a_session_are_not_waited_for_as_long() -> None:
    async def scenario() -> None:
        rig = Rig()
        idle = rig.join(leaves_at="restart_now")
        await rig.sessions.restart(60.0)
        assert idle.calls == ["restart", "restart_now"]

    run(scenario())


def test_who_is_still_there_when_the_time_is_over_is_sent_away() -> None:
    async def scenario() -> None:
        rig = Rig()
        slow = rig.join(leaves_at="restart_now")
        await rig.sessions.restart(0.0)
        assert slow.calls == ["restart", "restart_now"]

    run(scenario())


def test_nobody_waits_for_clients_that_do_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        rig = Rig()
        silent = rig.join(leaves_at="never")
        await rig.sessions.restart(0.0)
        assert silent.calls == ["restart", "restart_now"]

    monkeypatch.setattr("gateway.live_sessions.CLOSE_FRAMES_S", 0.0)
    run(scenario())


def test_who_joins_late_is_waited_for_too() -> None:
    async def scenario() -> None:
        rig = Rig()
        first = rig.join(leaves_at="never")
        rig.sessions.left(first)
        late = rig.join(leaves_at="never")
        restarting = asyncio.create_task(rig.sessions.restart(60.0))
        await turns()
        assert not restarting.done()
        rig.sessions.left(late)
        await restarting

    run(scenario())


def test_a_connection_that_raises_is_ended_and_keeps_nobody_from_being_told() -> None:
    rig = Rig()
    connections = [rig.join(raises_at="limits at 7.0") for _ in range(3)]
    rig.sessions.check_limits(7.0)
    assert [connection.calls for connection in connections] == [["limits at 7.0", "broken"]] * 3
