"""The daemon is played by a program of the same name, see `tests/support/fake_mps`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.supervisor import mps_daemon
from cli.supervisor.mps_daemon import DaemonFailed, Folders, ForeignDaemon, OwnDaemon, pipes_fit
from tests.support.aio import run
from tests.support.card_engine import plant_fault, with_fake_mps
from tests.support.children import ROOT, has_ended, wait_gone
from worker.mps_control import CONTROL, NoAnswer, servers

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="MPS is Linux' own")

STARTER = """
import asyncio, os, pathlib, sys
from cli.supervisor.mps_daemon import Folders, OwnDaemon

async def main():
    await OwnDaemon(Folders(*map(pathlib.Path, sys.argv[1:])), os.environ).start()
    print("started", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Folders]:
    for name, value in with_fake_mps().items():
        monkeypatch.setenv(name, value)
    with tempfile.TemporaryDirectory(prefix="vs-") as folder:
        yield Folders(Path(folder) / "mps", Path(folder) / "mps-logs")


def own(folders: Folders, **environ: str) -> OwnDaemon:
    return OwnDaemon(folders, os.environ | environ)


def pid_of(folders: Folders) -> int:
    return int((folders.pipes / "pid").read_text())


def test_it_answers_once_it_is_started_and_is_gone_once_it_is_stopped(folders: Folders) -> None:
    async def scenario() -> None:
        daemon = own(folders)
        await daemon.start()
        pid = pid_of(folders)
        assert await servers(folders.pipes) == []
        assert folders.pipes.stat().st_mode & 0o777 == 0o700
        await daemon.stop()
        await wait_gone(pid)
        assert not folders.pipes.exists()
        assert folders.logs.exists()
        await daemon.stop()

    run(scenario())


def test_it_is_not_told_which_cards_are_visible(folders: Folders) -> None:
    async def scenario() -> None:
        daemon = own(folders, CUDA_VISIBLE_DEVICES="1")
        await daemon.start()
        environ = psutil.Process(pid_of(folders)).environ()
        assert "CUDA_VISIBLE_DEVICES" not in environ
        assert environ["CUDA_MPS_LOG_DIRECTORY"] == str(folders.logs)
        await daemon.stop()

    run(scenario())


def test_its_end_is_seen_and_another_one_can_be_started(folders: Folders) -> None:
    async def scenario() -> None:
        daemon = own(folders)
        for _ in range(2):
            await daemon.start()
            os.kill(pid_of(folders), signal.SIGKILL)
            assert await daemon.wait() == -signal.SIGKILL
            # What it had in its folder is in nobody's way.
            assert (folders.pipes / "control").exists()
            await daemon.stop()

    run(scenario())


def test_one_that_does_not_start_says_why(folders: Folders) -> None:
    async def scenario() -> None:
        with pytest.raises(DaemonFailed, match="exited with code 1; it said: Failed to start: no card"):
            await own(folders, FAKE_MPS="broken").start()
        assert not folders.pipes.exists()

    run(scenario())


def test_one_that_never_answers_is_ended(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mps_daemon, "_START_LIMIT_S", 0.3)
    monkeypatch.setattr(mps_daemon, "_QUIT_LIMIT_S", 0.1)

    async def scenario() -> None:
        with pytest.raises(DaemonFailed, match=r"did not answer within 0\.3 s; it said nothing"):
            await own(folders, FAKE_MPS="dumb").start()

    run(scenario())


def test_one_that_does_not_quit_is_ended(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mps_daemon, "_QUIT_LIMIT_S", 0.2)
    monkeypatch.setenv("FAKE_MPS", "stuck")

    async def scenario() -> None:
        daemon = own(folders)
        await daemon.start()
        pid = pid_of(folders)
        await daemon.stop()
        await wait_gone(pid)

    run(scenario())


def test_a_folder_that_cannot_be_made_is_named(folders: Folders) -> None:
    folders.logs.touch()

    async def scenario() -> None:
        with pytest.raises(DaemonFailed, match="mps-logs: File exists"):
            await own(folders).start()

    run(scenario())


def test_it_dies_with_whoever_started_it(folders: Folders) -> None:
    argv = (sys.executable, "-c", STARTER, str(folders.pipes), str(folders.logs))
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"started\n"
        pid = pid_of(folders)
        starter.kill()
    assert has_ended(pid, within_s=5)


def test_in_a_folder_of_all_it_does_not_start_beside_another_one(folders: Folders) -> None:
    async def scenario() -> None:
        there, second = own(folders), OwnDaemon(folders, os.environ, is_private=False)
        await there.start()
        with pytest.raises(DaemonFailed, match=f"there is one at {folders.pipes} already"):
            await second.start()
        await second.stop()
        assert await servers(folders.pipes) == []
        await there.stop()
        await second.start()
        await second.stop()
        assert folders.pipes.exists()

    run(scenario())


def test_its_servers_tell_of_a_fault_until_it_is_started_anew(folders: Folders) -> None:
    async def scenario() -> None:
        daemon, same = own(folders), ForeignDaemon(folders.pipes)
        assert not await daemon.is_at_fault()
        for _ in range(2):
            await daemon.start()
            (folders.pipes / f"client-{os.getpid()}").touch()
            assert not await daemon.is_at_fault()
            plant_fault(folders.pipes)
            assert await daemon.is_at_fault()
            assert await same.is_at_fault()
            await daemon.stop()

    run(scenario())


def test_one_of_somebody_else_is_asked_and_stays(folders: Folders) -> None:
    async def scenario() -> None:
        theirs, foreign = own(folders), ForeignDaemon(folders.pipes)
        with pytest.raises(DaemonFailed, match="Cannot find MPS control daemon process"):
            await foreign.start()
        await theirs.start()
        await foreign.start()
        waiting = asyncio.create_task(foreign.wait())
        await foreign.stop()
        assert await servers(folders.pipes) == []
        await theirs.stop()
        with pytest.raises(NoAnswer):
            await servers(folders.pipes)
        assert not waiting.done()
        waiting.cancel()

    run(scenario())


def test_without_the_program_it_says_so(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    async def scenario() -> None:
        with pytest.raises(DaemonFailed, match=f"it said: FileNotFoundError|{CONTROL}"):
            await own(folders).start()

    run(scenario())


def test_sockets_have_short_paths() -> None:
    assert pipes_fit(Path("/run/voxshard/mps"))
    assert not pipes_fit(Path("/" + "d" * 88 + "/mps"))
