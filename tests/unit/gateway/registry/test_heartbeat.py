from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from common.registry.base import RegistryAway
from gateway.registry.health import Health
from gateway.registry.heartbeat import Heartbeat
from tests.support.aio import run, turns, until


class Asked:
    """Notes what is asked; `away`: nobody answers; `full`: beats are answered, and nothing is settled."""

    def __init__(self) -> None:
        self.health = Health(lambda up: None, "alone")
        self.calls: list[str] = []
        self.away = False
        self.full = False
        self.heartbeat = Heartbeat(self.health, self._beat, self._settle)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.heartbeat.run())
        yield
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def _beat(self) -> None:
        self._ask("beat")

    async def _settle(self) -> None:
        self._ask("settle")

    def _ask(self, what: str) -> None:
        self.calls.append(what)
        if self.away or (self.full and what == "settle"):
            self.health.failed(RegistryAway("away"))
        else:
            self.health.answered()


def test_beats_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        asked = Asked()
        async with asked.running():
            await until(lambda: len(asked.calls) > 2)
        # The wait for something to settle ends each time.
        assert asked.calls[:3] == ["beat", "settle", "beat"]

    monkeypatch.setattr("gateway.registry.heartbeat.HEARTBEAT_S", 0.01)
    run(scenario())


def test_settles_in_between_as_often_as_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        asked = Asked()
        async with asked.running():
            await until(lambda: asked.calls == ["beat"])
            for settled in (["settle"], ["settle", "settle"]):
                asked.heartbeat.settle_soon()
                asked.heartbeat.settle_soon()
                await turns()
                assert asked.calls == ["beat", *settled]

    monkeypatch.setattr("gateway.registry.heartbeat.HEARTBEAT_S", 3_600.0)
    run(scenario())


def test_beats_at_once_when_there_is_no_answer_any_more_and_then_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        asked = Asked()
        async with asked.running():
            await until(lambda: asked.calls == ["beat"])
            asked.away = True
            asked.heartbeat.settle_soon()
            await until(lambda: len(asked.calls) == 3)
            await turns()
            assert asked.calls == ["beat", "settle", "beat"]

    monkeypatch.setattr("gateway.registry.heartbeat.HEARTBEAT_S", 3_600.0)
    run(scenario())


def test_what_answers_and_takes_nothing_is_not_asked_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        asked = Asked()
        async with asked.running():
            await until(lambda: asked.calls == ["beat"])
            asked.full = True
            for _ in range(3):
                asked.heartbeat.settle_soon()
                await turns()
            assert asked.calls == ["beat", "settle", "beat", "settle", "settle"]

    monkeypatch.setattr("gateway.registry.heartbeat.HEARTBEAT_S", 3_600.0)
    run(scenario())
