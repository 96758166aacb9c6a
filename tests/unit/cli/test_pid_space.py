from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli import pid_space as module
from cli.pid_space import pid_space
from tests.support.containers import CONTAINER, needs_container

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux' own")


def elsewhere(*through: str) -> str:
    code = "from cli.pid_space import pid_space; print(pid_space())"
    return subprocess.check_output([*through, sys.executable, "-c", code], text=True).strip()


def test_processes_beside_each_other_are_told_the_same() -> None:
    assert elsewhere() == pid_space() != "None"


@needs_container
def test_a_container_of_the_same_host_is_another_one() -> None:
    there, here = elsewhere(*CONTAINER).split("/"), str(pid_space()).split("/")
    assert there[0] == here[0]
    assert there[1] != here[1]


def test_another_start_of_the_kernel_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = pid_space()
    (tmp_path / "boot_id").write_text("d0bd7a8c-0000-4000-8000-000000000000\n")
    monkeypatch.setattr(module, "_BOOT", tmp_path / "boot_id")
    assert pid_space() != before


def test_a_system_that_tells_nothing_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BOOT", tmp_path / "none")
    assert pid_space() is None
