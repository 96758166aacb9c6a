"""`make topology` begins, ends and refuses to begin as it should."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from common.settings import PREFIX
from deploy.topology.plan import HOST
from tests.support.ports import free_ports
from tests.support.processes import ROOT, SCRIPTED, wait_until
from tests.support.topology import free_settings

EXIT_WITHIN_S: Final = 30.0
_READY_WITHIN_S: Final = 40.0
PROGRAMS: Final = {"redis-server", "voxshard", "nginx", "prometheus"}


class Topology:
    """One that was started by hand."""

    def __init__(self, said: Path, path: str | None = None, port: int | None = None) -> None:
        settings = free_settings() | {"engine": SCRIPTED}
        if port is not None:
            settings["port"] = port
        own = {PREFIX + name.upper(): str(value) for name, value in settings.items()}
        [self._prometheus] = free_ports(1)
        self._said = said
        with said.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.topology", "--prometheus-port", str(self._prometheus)],
                cwd=ROOT,
                env=os.environ | own | ({} if path is None else {"PATH": path}),
                stdout=output,
                stderr=output,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def wait_ready(self) -> None:
        wait_until(lambda: self.said.endswith("ready\n"), _READY_WITHIN_S, "it is ready")

    def children(self) -> dict[str, psutil.Process]:
        return {child.name(): child for child in psutil.Process(self.process.pid).children()}


@contextmanager
def started(folder: Path, path: str | None = None, port: int | None = None) -> Iterator[Topology]:
    topology = Topology(folder / "said", path, port)
    try:
        yield topology
    finally:
        topology.process.kill()
        topology.process.wait()


def test_it_ends_with_all_its_programs_when_it_is_told_to(tmp_path: Path) -> None:
    with started(tmp_path) as topology:
        topology.wait_ready()
        assert topology.children().keys() == PROGRAMS
        [folder] = [
            line.removeprefix("logs ") for line in topology.said.splitlines() if line.startswith("logs ")
        ]
        assert Path(folder).is_dir()
        began = psutil.Process(topology.process.pid).children(recursive=True)
        topology.process.send_signal(signal.SIGTERM)
        assert topology.process.wait(EXIT_WITHIN_S) == 0
        assert not [process for process in began if process.is_running()]
        assert not Path(folder).exists()


def test_it_ends_while_it_is_still_beginning(tmp_path: Path) -> None:
    with started(tmp_path) as topology:
        wait_until(lambda: "voxshard" in topology.children(), 10, "it has begun")
        began = psutil.Process(topology.process.pid).children(recursive=True)
        topology.process.send_signal(signal.SIGINT)
        assert topology.process.wait(EXIT_WITHIN_S) == 0
        assert not [process for process in began if process.is_running()]


def test_it_ends_when_one_of_its_programs_does(tmp_path: Path) -> None:
    with started(tmp_path) as topology:
        topology.wait_ready()
        topology.children()["redis-server"].kill()
        assert topology.process.wait(EXIT_WITHIN_S) == 2
        assert "topology: redis ended with code -9; the end of its log:" in topology.said


def test_it_refuses_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with started(tmp_path, port=port) as topology:
            assert topology.process.wait(EXIT_WITHIN_S) == 2
    assert f"port {port} on {HOST} is taken" in topology.said and "--port" in topology.said


def test_it_names_the_package_of_a_program_that_is_missing(tmp_path: Path) -> None:
    with started(tmp_path, path=str(tmp_path)) as topology:
        assert topology.process.wait(EXIT_WITHIN_S) == 2
    assert topology.said == "topology: redis-server is not installed: apt-get install redis-server\n"
