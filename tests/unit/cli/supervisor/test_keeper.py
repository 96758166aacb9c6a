from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

from cli.supervisor.child import ChildSpec, Role
from cli.supervisor.keeper import Keeper
from cli.supervisor.policy import ChildLife, ChildState, Halt
from common.backoff import Backoff
from common.ends import Ends
from tests.support.children import (
    EXIT_AT_ONCE,
    NEVER_READY,
    READY_THEN_SLEEP,
    python,
    wait_gone,
    wait_until,
    with_grandchild,
)
from tests.support.keeper_rig import keeper_of, restarts, stop, surroundings

# Ready the first time; after that the marker file is there and it exits before it is ready.
READY_ONCE = f"""
import pathlib, sys
marker = pathlib.Path(sys.argv[1])
if marker.exists():
    raise SystemExit(3)
marker.touch()
{READY_THEN_SLEEP}
"""

# As workers and gateways do.
READY_UNTIL_TOLD = f"""
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
{READY_THEN_SLEEP}
"""


def test_child_that_exits_before_it_is_ready_halts(tmp_path: Path) -> None:
    async def scenario() -> Halt:
        async with surroundings(tmp_path) as around:
            halt = await keeper_of(python(EXIT_AT_ONCE), around).run()
            [end] = around.ends.view.ended
            assert (end.how, end.by_itself) == ("exited with code 9", True)
            return halt

    assert asyncio.run(scenario()) == Halt("worker-0 exited with code 9; it was never ready")


def test_child_that_takes_too_long_to_boot_is_ended_and_halts(tmp_path: Path) -> None:
    async def scenario() -> Halt:
        async with surroundings(tmp_path) as around:
            return await keeper_of(python(NEVER_READY), replace(around, boot_limit_s=0.05)).run()

    assert asyncio.run(scenario()) == Halt("worker-0 was not ready within 0.05 s; it was never ready")


def test_program_that_cannot_be_started_halts(tmp_path: Path) -> None:
    async def scenario() -> Halt:
        async with surroundings(tmp_path) as around:
            halt = await keeper_of(("/nowhere/at-all",), around).run()
            assert around.ends.view == Ends()
            return halt

    halt = asyncio.run(scenario())
    assert halt.message.startswith("worker-0 could not be started (No such file or directory)")


def test_killed_child_is_started_again_and_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with surroundings(tmp_path) as around:
            keeper = keeper_of(python(READY_THEN_SLEEP), around)
            running = asyncio.create_task(keeper.run())
            await keeper.wait_first_ready()
            first = keeper.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await wait_until(lambda: keeper.pid not in (None, first))
            await wait_until(lambda: keeper.state is ChildState.READY)
            assert (keeper.restarts, restarts(around)) == (1, {"told": 0.0, "died": 1.0})
            [end], [_] = around.ends.view.ended, around.ends.view.running
            assert (end.how, end.by_itself) == ("was ended by SIGKILL", False)
            await stop(keeper, running)
            assert around.ends.view == Ends((), (end,))

    asyncio.run(scenario())


def test_children_that_do_what_they_are_told_have_not_died(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with surroundings(tmp_path) as around:
            keeper = keeper_of(python(READY_UNTIL_TOLD), around)
            running = asyncio.create_task(keeper.run())
            await keeper.wait_first_ready()
            assert keeper.pid is not None
            os.kill(keeper.pid, signal.SIGTERM)
            await wait_until(lambda: keeper.restarts == 1)
            await wait_until(lambda: keeper.state is ChildState.READY)
            await around.gate.clear()
            around.gate.open()
            await wait_until(lambda: keeper.restarts == 2)
            assert restarts(around) == {"told": 2.0, "died": 0.0}
            await stop(keeper, running)

    asyncio.run(scenario())


def test_child_that_does_not_boot_any_more_is_tried_until_it_does(tmp_path: Path) -> None:
    marker = tmp_path / "marker"

    async def scenario() -> None:
        async with surroundings(tmp_path) as around:
            keeper = keeper_of(python(READY_ONCE, str(marker)), around)
            running = asyncio.create_task(keeper.run())
            # An end that is seen together with READY=1 would count as a failed boot, too.
            await keeper.wait_first_ready()
            assert keeper.pid is not None
            os.kill(keeper.pid, signal.SIGKILL)
            await wait_until(lambda: keeper.restarts >= 6)
            assert keeper.state is not ChildState.READY
            marker.unlink()
            await wait_until(lambda: keeper.state is ChildState.READY)
            await stop(keeper, running)

    asyncio.run(scenario())


def test_a_child_is_told_what_it_is_called_in_the_list_of_ends(tmp_path: Path) -> None:
    name = tmp_path / "name"
    script = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(' '.join(sys.argv[2:]))"

    async def scenario() -> str:
        async with surroundings(tmp_path) as around:
            await keeper_of(python(script, str(name)), around).run()
            return around.ends.view.ended[0].incarnation

    incarnation = asyncio.run(scenario())
    assert name.read_text() == f"--incarnation {incarnation}"


def test_a_worker_off_the_card_comes_back_when_the_gate_opens_even_if_it_was_never_ready(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with surroundings(tmp_path) as around:
            keeper, codes = keeper_of(python(NEVER_READY), around), list[int | None]()
            around.gate.heard = codes.append
            running = asyncio.create_task(keeper.run())
            await wait_until(lambda: keeper.pid is not None)
            first = keeper.pid
            await around.gate.clear()
            await wait_until(lambda: keeper.restarts == 1)
            assert (keeper.pid, codes) == (None, [])
            [end] = around.ends.view.ended
            assert not end.by_itself
            around.gate.open()
            await wait_until(lambda: keeper.pid not in (None, first))
            await stop(keeper, running)

    asyncio.run(scenario())


def test_the_gate_hears_how_a_worker_ended_and_the_book_which_fault_it_was(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with surroundings(tmp_path) as around:
            codes = list[int | None]()
            around.gate.heard, around.gate.fault = codes.append, "c0"
            for code, fault in ((5, "c0"), (4, "")):
                await keeper_of(python(f"raise SystemExit({code})"), around).run()
                assert around.ends.view.ended[-1].fault == fault
            assert codes == [5, 4]

    asyncio.run(scenario())


def test_gateways_do_not_pass_the_gate(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with surroundings(tmp_path) as around:
            await around.gate.clear()
            keeper = Keeper(ChildSpec(Role.GATEWAY, 0, python(READY_THEN_SLEEP)), around)
            running = asyncio.create_task(keeper.run())
            await keeper.wait_first_ready()
            await stop(keeper, running)

    asyncio.run(scenario())


def test_stopped_child_is_gone_with_all_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    async def scenario() -> ChildState:
        async with surroundings(tmp_path) as around:
            keeper = keeper_of(with_grandchild(pid_file, "import time; time.sleep(60)"), around)
            running = asyncio.create_task(keeper.run())
            await keeper.wait_first_ready()
            child = keeper.pid
            assert child is not None
            await stop(keeper, running)
            await wait_gone(child)
            await wait_gone(int(pid_file.read_text()))
            assert keeper.pid is None
            return keeper.state

    assert asyncio.run(scenario()) is ChildState.STOPPED


def test_child_that_waits_for_its_restart_stops_at_once(tmp_path: Path) -> None:
    async def scenario() -> ChildState:
        async with surroundings(tmp_path) as around:
            life = ChildLife("worker-0", Backoff(first_s=60, limit_s=60))
            keeper = Keeper(ChildSpec(Role.WORKER, 0, python(READY_THEN_SLEEP)), around, life)
            running = asyncio.create_task(keeper.run())
            await keeper.wait_first_ready()
            assert keeper.pid is not None
            os.kill(keeper.pid, signal.SIGKILL)
            await wait_until(lambda: keeper.state is ChildState.BACKING_OFF)
            await stop(keeper, running)
            return keeper.state

    assert asyncio.run(scenario()) is ChildState.STOPPED
