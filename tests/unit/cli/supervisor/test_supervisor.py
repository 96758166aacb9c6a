from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from cli.pid_space import pid_space
from cli.supervisor.child import QUICKLY, ChildSpec, Role, StopOrder, draining
from cli.supervisor.ends import EndBook
from cli.supervisor.keeper import Keeper, Surroundings
from cli.supervisor.metrics import SupervisorMetrics
from cli.supervisor.notify_socket import open_notify_socket
from cli.supervisor.ops import routes
from cli.supervisor.policy import ChildState, Halt
from cli.supervisor.supervisor import Supervisor
from common.clock import MonotonicClock
from common.ends import Ends
from common.loop_health import LoopHealth
from common.ops_server import Route
from tests.support.children import (
    EXIT_AT_ONCE,
    IGNORE_SIGTERM_ONLY,
    NEVER_READY,
    child_environ,
    python,
    wait_gone,
    wait_until,
)

# Appends what it does to the file of its first argument, under the name of its second.
DIARY = """
import pathlib, signal, sys
from common.notify import notify_ready
diary, name = pathlib.Path(sys.argv[1]), sys.argv[2]

def note(what):
    with diary.open("a") as file:
        file.write(f"{what} {name}\\n")

def leave(*_):
    note("end")
    raise SystemExit(0)

for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, leave)
note("begin")
notify_ready()
signal.pause()
"""


def spec(role: Role, index: int, argv: tuple[str, ...]) -> ChildSpec:
    return ChildSpec(role, index, argv)


@asynccontextmanager
async def supervised(
    folder: Path, specs: Sequence[ChildSpec]
) -> AsyncIterator[tuple[Supervisor, dict[str, Route], asyncio.Event]]:
    """The supervisor, its ops routes, and an event that is set when it announces itself."""
    path = folder / "notify.sock"
    announced = asyncio.Event()
    async with open_notify_socket(path) as notify, asyncio.timeout(10):
        metrics = SupervisorMetrics(CollectorRegistry())
        ends = EndBook()
        environ = child_environ(path)
        around = Surroundings(environ, notify, metrics, ends, MonotonicClock(), boot_limit_s=60.0)
        supervisor = Supervisor([Keeper(each, around) for each in specs], announced.set)
        yield supervisor, routes(supervisor, metrics, ends, LoopHealth(MonotonicClock())), announced


def test_gateways_come_after_all_workers_and_go_before_them(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    names = [(Role.GATEWAY, 0), (Role.WORKER, 0), (Role.WORKER, 1)]
    specs = [spec(role, index, python(DIARY, str(diary), f"{role.value}-{index}")) for role, index in names]

    async def scenario() -> Halt | None:
        async with supervised(tmp_path, specs) as (supervisor, _, announced):
            running = asyncio.create_task(supervisor.run())
            await announced.wait()
            supervisor.stop()
            return await running

    assert asyncio.run(scenario()) is None
    lines = diary.read_text().splitlines()
    assert sorted(lines[:2]) == ["begin worker-0", "begin worker-1"]
    assert lines[2:4] == ["begin gateway-0", "end gateway-0"]
    assert sorted(lines[4:]) == ["end worker-0", "end worker-1"]


def test_whoever_drains_is_hurried_when_told_again(tmp_path: Path) -> None:
    specs = [spec(role, 0, python(IGNORE_SIGTERM_ONLY)) for role in Role]

    async def scenario() -> None:
        async with supervised(tmp_path, specs) as (supervisor, _, announced):
            running = asyncio.create_task(supervisor.run())
            await announced.wait()
            supervisor.stop(draining(60.0))
            await wait_until(lambda: supervisor.count(Role.GATEWAY, ChildState.STOPPING) == 1)
            assert supervisor.count(Role.WORKER, ChildState.READY) == 1, "it serves until gateways are gone"
            supervisor.stop({**QUICKLY, Role.WORKER: StopOrder(signal.SIGTERM, 0.05)})
            assert await running is None

    asyncio.run(scenario())


def test_ops_routes_tell_the_state_of_every_child(tmp_path: Path) -> None:
    diary = str(tmp_path / "diary")
    specs = [spec(role, 0, python(DIARY, diary, role.value)) for role in Role]

    async def scenario() -> None:
        async with supervised(tmp_path, specs) as (supervisor, routes, announced):
            assert routes["/readyz"]().status == 503
            assert b"waiting for worker-0, gateway-0" in routes["/readyz"]().body
            running = asyncio.create_task(supervisor.run())
            await announced.wait()
            assert (routes["/readyz"]().status, routes["/healthz"]().status) == (200, 200)
            page = json.loads(routes["/children"]().body)
            assert page["pid_space"] == pid_space()
            children = page["children"]
            assert [(child["name"], child["state"]) for child in children] == [
                ("worker-0", "ready"),
                ("gateway-0", "ready"),
            ]
            assert {child["pid"] for child in children} == {keeper.pid for keeper in supervisor.keepers}
            ends = msgspec.json.decode(routes["/ends"]().body, type=Ends)
            assert (len(ends.running), ends.ended) == (2, ())
            series = routes["/metrics"]().body.decode()
            assert 'asr_supervisor_children{role="worker",state="ready"} 1.0' in series
            assert 'asr_supervisor_children{role="worker",state="starting"} 0.0' in series
            assert 'asr_supervisor_restarts_total{cause="died",role="gateway"} 0.0' in series
            supervisor.stop()
            await running
            assert supervisor.count(Role.WORKER, ChildState.STOPPED) == 1

    asyncio.run(scenario())


def test_child_that_cannot_boot_ends_everything(tmp_path: Path) -> None:
    diary = str(tmp_path / "diary")
    specs = [
        spec(Role.WORKER, 0, python(DIARY, diary, "worker-0")),
        spec(Role.GATEWAY, 0, python(EXIT_AT_ONCE)),
    ]

    async def scenario() -> tuple[Halt | None, bool]:
        async with supervised(tmp_path, specs) as (supervisor, _, announced):
            halt = await supervisor.run()
            return halt, announced.is_set()

    halt, announced = asyncio.run(scenario())
    assert halt == Halt("gateway-0 exited with code 9; it was never ready")
    assert not announced
    assert (tmp_path / "diary").read_text() == "begin worker-0\nend worker-0\n"


def test_the_first_reason_to_give_up_counts_and_ends_everything(tmp_path: Path) -> None:
    specs = [spec(Role.WORKER, 0, python(DIARY, str(tmp_path / "diary"), "worker-0"))]

    async def scenario() -> Halt | None:
        async with supervised(tmp_path, specs) as (supervisor, _, announced):
            running = asyncio.create_task(supervisor.run())
            await announced.wait()
            supervisor.give_up(Halt("the card is gone"))
            supervisor.give_up(Halt("so is the rest"))
            return await running

    assert asyncio.run(scenario()) == Halt("the card is gone")
    assert (tmp_path / "diary").read_text() == "begin worker-0\nend worker-0\n"


def test_stop_while_workers_boot_starts_no_gateway(tmp_path: Path) -> None:
    specs = [spec(Role.WORKER, 0, python(NEVER_READY)), spec(Role.GATEWAY, 0, python(NEVER_READY))]

    async def scenario() -> None:
        async with supervised(tmp_path, specs) as (supervisor, _, announced):
            running = asyncio.create_task(supervisor.run())
            worker, gateway = supervisor.keepers
            await wait_until(lambda: worker.pid is not None)
            pid = worker.pid
            assert pid is not None
            supervisor.stop()
            assert await running is None
            await wait_gone(pid)
            assert not announced.is_set()
            assert gateway.pid is None

    asyncio.run(scenario())


def test_failing_announcement_leaves_no_child_behind(tmp_path: Path) -> None:
    diary = str(tmp_path / "diary")

    def fail() -> None:
        raise RuntimeError("announcement failed")

    async def scenario() -> None:
        specs = [spec(Role.WORKER, 0, python(DIARY, diary, "worker-0"))]
        async with supervised(tmp_path, specs) as (supervisor, _, _):
            failing = Supervisor(supervisor.keepers, fail)
            with pytest.raises(ExceptionGroup, match="unhandled errors"):
                await failing.run()
            assert failing.count(Role.WORKER, ChildState.STOPPED) == 1

    asyncio.run(scenario())
