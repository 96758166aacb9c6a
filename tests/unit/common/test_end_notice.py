"""Processes that end, and whoever waits for it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from common import end_notice
from common.end_notice import EndWatch, give_notice
from tests.support.noticed import noticed
from tests.support.processes import ROOT, wait_until

WITHIN_S = 10.0


def watching() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "end of worker"}


def test_whoever_waits_is_told_of_a_killed_process(tmp_path: Path) -> None:
    file, first, second = tmp_path / "worker.end", threading.Event(), threading.Event()
    with noticed(file) as process:
        EndWatch(file, first.set)
        EndWatch(file, second.set)
        assert not first.wait(0.05)
        process.kill()
        assert first.wait(WITHIN_S)
        assert second.wait(WITHIN_S)


_ON_A_FULL_DISK = """
import sys
from pathlib import Path
from common.end_notice import try_to_give_notice
folder = Path(sys.argv[1])
(folder / "worker.end").touch()
try:
    (folder / "all").write_bytes(bytes(1 << 20))
except OSError:
    pass
print(try_to_give_notice(folder / "worker.end"), [found.name for found in folder.iterdir()])
"""


def test_on_a_full_disk_there_is_none_and_not_that_of_a_former_process(tmp_path: Path) -> None:
    mounted = f'mount -t tmpfs -o size=16k none {tmp_path} && exec "$@"'
    through = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]
    if subprocess.run([*through, "true"], check=False).returncode != 0:
        pytest.skip("this user may make no mount namespaces")
    program = [sys.executable, "-c", _ON_A_FULL_DISK, str(tmp_path)]
    done = subprocess.run([*through, *program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "No space left on device ['all']\n"


def test_why_there_is_no_notice_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "worker.end"
    assert end_notice.try_to_give_notice(file) is None
    monkeypatch.setattr(end_notice, "_ROBUST", 77)
    assert end_notice.try_to_give_notice(file) == "Invalid argument"
    assert not file.exists()


def test_a_process_that_ends_by_itself_gives_notice_too(tmp_path: Path) -> None:
    file, told = tmp_path / "worker.end", threading.Event()
    with noticed(file) as process:
        EndWatch(file, told.set)
        process.communicate(timeout=WITHIN_S)
        assert told.wait(WITHIN_S)


def test_whoever_comes_afterwards_is_told_at_once(tmp_path: Path) -> None:
    file, told = tmp_path / "worker.end", threading.Event()
    with noticed(file) as process:
        process.communicate(timeout=WITHIN_S)
    EndWatch(file, told.set)
    assert told.wait(WITHIN_S)


def test_the_next_process_gives_a_notice_of_its_own(tmp_path: Path) -> None:
    file, former, present = tmp_path / "worker.end", threading.Event(), threading.Event()
    with noticed(file) as first:
        EndWatch(file, former.set)
        with noticed(file) as second:
            EndWatch(file, present.set)
            first.kill()
            assert former.wait(WITHIN_S)
            assert not present.is_set()
            second.kill()
            assert present.wait(WITHIN_S)
    assert [found.name for found in tmp_path.iterdir()] == ["worker.end"]


def test_a_watch_outlasts_many_waits_and_one_that_was_stopped_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_notice, "_LOOK_UP_S", 0.001)
    file, stopped, going_on = tmp_path / "worker.end", threading.Event(), threading.Event()
    with noticed(file) as process:
        before = watching()
        EndWatch(file, stopped.set).stop()
        EndWatch(file, going_on.set)
        wait_until(lambda: len(watching() - before) == 1, WITHIN_S, "the one that was stopped waits no more")
        assert not going_on.wait(0.05)
        process.kill()
        assert going_on.wait(WITHIN_S)
    assert not stopped.is_set()


def test_it_is_the_thread_that_has_made_it_whose_end_counts(tmp_path: Path) -> None:
    file, told, may_end = tmp_path / "worker.end", threading.Event(), threading.Event()

    def live() -> None:
        give_notice(file)
        EndWatch(file, told.set)
        may_end.wait(WITHIN_S)

    thread = threading.Thread(target=live)
    thread.start()
    assert not told.wait(0.05)
    may_end.set()
    thread.join()
    assert told.wait(WITHIN_S)


def test_a_file_that_holds_no_notice_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed, told = threading.Event(), threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: failed.set())
    file = tmp_path / "worker.end"
    file.write_bytes(bytes(64))
    EndWatch(file, told.set)
    assert failed.wait(WITHIN_S)
    assert not told.is_set()


def test_a_system_without_such_mutexes_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_notice, "_ROBUST", 77)
    with pytest.raises(OSError, match="Invalid argument"):
        give_notice(tmp_path / "worker.end")


def test_a_notice_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(mutex: object) -> None:
        raise OSError("no robust mutexes")

    monkeypatch.setattr(end_notice, "_make", refuse)
    with pytest.raises(OSError, match="no robust mutexes"):
        give_notice(tmp_path / "worker.end")
    assert list(tmp_path.iterdir()) == []
