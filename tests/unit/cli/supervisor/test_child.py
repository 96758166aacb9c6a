from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from cli.supervisor.child import ChildProcess, ChildSpec, Role, StopOrder, draining, start_child
from cli.supervisor.notify_socket import open_notify_socket
from tests.support.children import (
    EXIT_AT_ONCE,
    IGNORE_SIGTERM,
    IGNORE_SIGTERM_ONLY,
    READY_THEN_SLEEP,
    child_environ,
    python,
    wait_gone,
    with_grandchild,
)


async def started(argv: tuple[str, ...], folder: Path) -> ChildProcess:
    """A child that has said READY=1."""
    path = folder / "notify.sock"
    async with open_notify_socket(path) as notify, asyncio.timeout(5):
        child = await start_child(argv, child_environ(path))
        await notify.wait_ready(child.pid)
        return child


def test_name_is_role_and_index() -> None:
    assert ChildSpec(Role.GATEWAY, 2, ()).name == "gateway-2"


def test_exit_code_is_reported_and_ending_twice_is_fine() -> None:
    async def scenario() -> int:
        child = await start_child(python(EXIT_AT_ONCE), dict(os.environ))
        code = await child.wait()
        await child.end(grace_s=5)
        await child.end(grace_s=5)
        return code

    assert asyncio.run(scenario()) == 9


def test_sigterm_is_tried_first(tmp_path: Path) -> None:
    async def scenario() -> int:
        child = await started(python(READY_THEN_SLEEP), tmp_path)
        await child.end(grace_s=5)
        return await child.wait()

    assert asyncio.run(scenario()) == -signal.SIGTERM


def test_child_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    async def scenario() -> int:
        child = await started(python(IGNORE_SIGTERM), tmp_path)
        await child.end(grace_s=0.05)
        return await child.wait()

    assert asyncio.run(scenario()) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("order", "end"),
    [
        (StopOrder(signal.SIGINT, 60.0), signal.SIGINT),
        (StopOrder(signal.SIGTERM, 0.05), signal.SIGKILL),
    ],
)
def test_who_is_ending_can_be_hurried(order: StopOrder, end: signal.Signals, tmp_path: Path) -> None:
    async def scenario() -> int:
        child = await started(python(IGNORE_SIGTERM_ONLY), tmp_path)
        ending = asyncio.create_task(child.end(grace_s=60))
        await asyncio.sleep(0)
        child.hurry(order)
        await ending
        # Too late, and no harm.
        child.hurry(order)
        return await child.wait()

    assert asyncio.run(scenario()) == -end


def test_a_later_order_never_gives_more_time(tmp_path: Path) -> None:
    async def scenario() -> int:
        child = await started(python(IGNORE_SIGTERM), tmp_path)
        ending = asyncio.create_task(child.end(grace_s=0.2))
        await asyncio.sleep(0)
        child.hurry(StopOrder(signal.SIGTERM, 60.0))
        async with asyncio.timeout(5):
            await ending
        return await child.wait()

    assert asyncio.run(scenario()) == -signal.SIGKILL


def test_who_drains_has_its_usual_time_to_leave_besides() -> None:
    assert draining(30.0) == dict.fromkeys(Role, StopOrder(signal.SIGTERM, 40.0))


@pytest.mark.parametrize("ending", ["raise SystemExit(0)", "import time; time.sleep(60)"])
def test_grandchild_does_not_survive(ending: str, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    async def scenario() -> None:
        child = await started(with_grandchild(pid_file, ending), tmp_path)
        if "SystemExit" in ending:
            await child.wait()
        await child.end(grace_s=5)
        await wait_gone(int(pid_file.read_text()))

    asyncio.run(scenario())


def test_cancelled_end_still_kills(tmp_path: Path) -> None:
    async def scenario() -> int:
        child = await started(python(IGNORE_SIGTERM), tmp_path)
        ending = asyncio.create_task(child.end(grace_s=60))
        await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        async with asyncio.timeout(5):
            return await child.wait()

    assert asyncio.run(scenario()) == -signal.SIGKILL


def test_killed_child_is_gone_with_all_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    async def scenario() -> int:
        child = await started(with_grandchild(pid_file, "import time; time.sleep(60)"), tmp_path)
        child.kill()
        code = await child.wait()
        await wait_gone(int(pid_file.read_text()))
        child.kill()
        return code

    assert asyncio.run(scenario()) == -signal.SIGKILL


def test_missing_program_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(start_child(("/nowhere/at-all",), {}))
