from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest

from tests.support.aio import run, until
from worker import card_lock as module
from worker.card_lock import CardLockUnusable, card_lock, lock_path

HOLD: Final = """
import asyncio, pathlib, sys
from worker import card_lock

async def hold():
    card_lock._FOLDER = pathlib.Path(sys.argv[1])
    async with card_lock.card_lock("cuda:7"):
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(hold())
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Locks of this test alone, and cards without a management library."""
    monkeypatch.setattr(module, "_FOLDER", tmp_path)
    monkeypatch.setattr(module, "card_of", lambda device, environ: None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def test_one_after_the_other_and_the_loop_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    inside: list[str] = []

    async def start(name: str, hold: asyncio.Event) -> None:
        async with card_lock("cuda:7"):
            inside.append(f"{name} begins")
            await hold.wait()
            inside.append(f"{name} ends")

    async def scenario() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(start("a", first))
            await asyncio.sleep(0)
            tasks.create_task(start("b", second))
            await until(lambda: bool(caplog.messages))
            assert inside == ["a begins"]
            second.set()
            first.set()

    with caplog.at_level(logging.INFO):
        run(scenario())
    assert inside == ["a begins", "a ends", "b begins", "b ends"]
    assert caplog.messages == [
        "waiting for the card, another engine is starting on it",
        "the card is free",
    ]


def test_cards_do_not_wait_for_each_other() -> None:
    async def scenario() -> None:
        async with card_lock("cuda:0"), card_lock("cuda:1"):
            pass

    run(scenario())


def test_a_cancelled_wait_leaves_the_lock_to_others() -> None:
    async def scenario() -> None:
        async with card_lock("cuda"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02), card_lock("cuda"):
                    pytest.fail("held twice")
        async with card_lock("cuda"):
            pass

    run(scenario())


def test_a_killed_process_holds_nothing(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"

        async def scenario() -> None:
            waiting = asyncio.create_task(_hold_once())
            await asyncio.sleep(0.05)
            assert not waiting.done()
            holder.send_signal(signal.SIGKILL)
            async with asyncio.timeout(5):
                await waiting

        run(scenario())


async def _hold_once() -> None:
    async with card_lock("cuda:7"):
        pass


def test_the_lock_is_of_the_card_whatever_this_process_calls_it() -> None:
    one = lock_path("cuda:1", {"CUDA_VISIBLE_DEVICES": "2,5"})
    assert one == lock_path("cuda:5", {})
    assert one.name == f"voxshard-card-5-{os.getuid()}.lock"
    assert lock_path("cuda", {"CUDA_VISIBLE_DEVICES": "MIG-GPU-1/2/0"}).name.startswith(
        "voxshard-card-MIG-GPU-1-2-0"
    )


def test_without_the_folder_of_locks_that_of_temporary_files_serves(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FOLDER", folder / "missing")
    assert lock_path("cuda", {}).parent == Path(tempfile.gettempdir())


def test_a_link_under_our_name_is_not_followed(folder: Path) -> None:
    lock_path("cuda", {}).symlink_to(folder / "elsewhere")
    with pytest.raises(CardLockUnusable, match="cannot be opened"):
        run(_hold_first())
    assert not (folder / "elsewhere").exists()


def test_a_file_of_another_user_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    with pytest.raises(CardLockUnusable, match="another user"):
        run(_hold_first())


async def _hold_first() -> None:
    async with card_lock("cuda"):
        pass
