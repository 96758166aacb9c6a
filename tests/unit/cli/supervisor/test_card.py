from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from cli.supervisor import card
from cli.supervisor.card import MAX_FAILED_STARTS, CardKeeper, running
from cli.supervisor.gate import Gate, Visit
from cli.supervisor.metrics import SupervisorMetrics
from cli.supervisor.mps_choice import MpsUnusable
from cli.supervisor.mps_daemon import DaemonFailed
from cli.supervisor.policy import Halt
from common.backoff import Backoff
from common.process import CARD_LOST
from tests.support.aio import run
from tests.support.clock import ManualClock

ENGINE_DIED = 4


class Daemon:
    """Notes what is done to it; refuses to start so many times."""

    def __init__(self, refusals: int = 0, *, at_fault: bool = False) -> None:
        self.at_fault = at_fault
        self.pipes = Path("/run/mps")
        self.diary: list[str] = []
        self.refusals = refusals
        self._gone = asyncio.Event()

    async def start(self) -> None:
        self._gone.clear()
        if self.refusals:
            self.refusals -= 1
            self.diary.append("refuse")
            raise DaemonFailed("no card")
        self.diary.append("start")

    async def is_at_fault(self) -> bool:
        return self.at_fault

    async def wait(self) -> int:
        await self._gone.wait()
        return 1

    async def stop(self) -> None:
        self.diary.append("stop")

    def die(self) -> None:
        self._gone.set()


class Workers:
    """Two at the gate; each notes in the daemon's diary when it is killed and when it has left."""

    def __init__(self, gate: Gate, daemon: Daemon) -> None:
        self._gate = gate
        self._daemon = daemon

    async def come(self) -> None:
        for _ in range(2):
            visit = await self._gate.enter()
            visit.began(partial(self._killed, visit))

    def _killed(self, visit: Visit) -> None:
        self._daemon.diary.append("kill")
        asyncio.get_running_loop().call_soon(self._gate.leave, visit)


def value(metrics: SupervisorMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


@asynccontextmanager
async def kept(daemon: Daemon) -> AsyncIterator[tuple[Gate, SupervisorMetrics, asyncio.Task[Halt]]]:
    gate, metrics = Gate(), SupervisorMetrics(CollectorRegistry())
    keeping = asyncio.create_task(CardKeeper(daemon, gate, metrics, ManualClock()).run())
    try:
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
            await Workers(gate, daemon).come()
            yield gate, metrics, keeping
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("code", "at_fault"), [(CARD_LOST, False), (ENGINE_DIED, True)])
def test_a_fault_takes_all_workers_out_before_the_daemon_is_made_anew(code: int, at_fault: bool) -> None:
    async def scenario() -> None:
        daemon = Daemon(at_fault=at_fault)
        async with kept(daemon) as (gate, metrics, _):
            before = gate.fault
            gate.heard(code)
            await settled()
            assert daemon.diary == ["kill", "kill", "stop", "start"]
            assert value(metrics, "asr_card_recoveries_total", trouble="fault") == 1.0
            assert value(metrics, "asr_mps_daemon", state="running") == 1.0
            assert before != gate.fault != ""
            assert not (await gate.enter()).recalled

    run(scenario())


def test_while_it_is_made_anew_nobody_gets_on_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "Backoff", lambda: Backoff(first_s=60.0, limit_s=60.0))

    async def scenario() -> None:
        daemon = Daemon(refusals=1)
        async with kept(daemon) as (gate, metrics, _):
            gate.heard(CARD_LOST)
            await settled()
            assert daemon.diary == ["kill", "kill", "stop", "refuse"]
            entering = asyncio.create_task(gate.enter())
            await settled()
            assert not entering.done()
            assert value(metrics, "asr_mps_daemon", state="recovering") == 1.0
            entering.cancel()

    run(scenario())


def test_engines_that_die_alone_are_no_trouble() -> None:
    async def scenario() -> None:
        daemon = Daemon()
        async with kept(daemon) as (gate, _, _):
            for code in (ENGINE_DIED, ENGINE_DIED, None):
                gate.heard(code)
            await settled()
            assert daemon.diary == []

    run(scenario())


def test_a_daemon_that_is_gone_is_trouble() -> None:
    async def scenario() -> None:
        daemon = Daemon()
        async with kept(daemon) as (_, metrics, _):
            daemon.die()
            await settled()
            assert daemon.diary == ["kill", "kill", "stop", "start"]
            assert value(metrics, "asr_card_recoveries_total", trouble="daemon") == 1.0

    run(scenario())


def test_what_is_heard_twice_is_one_trouble_and_the_next_one_is_another() -> None:
    async def scenario() -> None:
        daemon = Daemon()
        async with kept(daemon) as (gate, metrics, _):
            gate.heard(CARD_LOST)
            gate.heard(CARD_LOST)
            await settled()
            gate.heard(CARD_LOST)
            await settled()
            assert daemon.diary == ["kill", "kill", "stop", "start", "stop", "start"]
            assert value(metrics, "asr_card_recoveries_total", trouble="fault") == 2.0

    run(scenario())


def test_a_daemon_that_cannot_be_had_any_more_ends_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "Backoff", lambda: Backoff(first_s=0.001, limit_s=0.001))

    async def scenario() -> None:
        daemon = Daemon(refusals=MAX_FAILED_STARTS)
        async with kept(daemon) as (gate, _, keeping):
            gate.heard(CARD_LOST)
            assert await keeping == Halt("the MPS daemon cannot be started again: no card")
            assert daemon.diary.count("refuse") == MAX_FAILED_STARTS

    run(scenario())


def test_it_runs_inside_the_block_alone() -> None:
    async def scenario() -> None:
        daemon, metrics = Daemon(), SupervisorMetrics(CollectorRegistry())
        async with running(daemon, metrics):
            assert daemon.diary == ["start"]
            assert value(metrics, "asr_mps_daemon", state="running") == 1.0
        assert daemon.diary == ["start", "stop"]
        assert value(metrics, "asr_mps_daemon", state="off") == 1.0

    run(scenario())


def test_without_one_nothing_begins() -> None:
    async def scenario() -> None:
        with pytest.raises(MpsUnusable, match=r"^MPS: no card; --mps off runs without$"):
            async with running(Daemon(refusals=1), SupervisorMetrics(CollectorRegistry())):
                pytest.fail("it does not run")

    run(scenario())
