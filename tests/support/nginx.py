"""A real nginx in front of gateways, from the product's own template; the machine's nginx is not touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from cli.front import Bounds, Entry, Front, Gateway, render
from tests.support.ports import free_ports, listens
from tests.support.server_process import DidNotAnswer, start_server

LOOPBACK: Final = ("127.0.0.1",)
BOUNDS: Final = Bounds(
    header_s=5, silence_s=600, unread_s=60, reload_s=14_400, connections_per_address=1_000, upload_mib=1
)
_EXIT_WITHIN_S: Final = 10.0


class NoNginx(Exception):
    """It is not installed, or did not start; the message holds its log."""


def front_of(gateways: Sequence[Gateway], bounds: Bounds = BOUNDS) -> Front:
    """On free ports of the loopback interface."""
    port, http_port = free_ports(2)
    return Front(tuple(gateways), Entry(LOOPBACK, port, http_port), bounds, ops_from=LOOPBACK)


def check(config: Path) -> str:
    """`nginx -t`: what it has to say about it; nothing if all is well."""
    done = subprocess.run([*_command(config), "-t", "-q"], capture_output=True, text=True, check=False)
    return done.stderr + ("" if done.returncode == 0 else f"exit code {done.returncode}")


class Nginx:
    """From `with` until the block is left."""

    def __init__(self, front: Front) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="voxshard-nginx-"))
        # Started as root, its workers are nobody.
        self._folder.chmod(0o755)
        self._front = replace(front, folder=self._folder)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def entry(self) -> Entry:
        return self._front.entry

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.entry.port}"

    def reload(self, gateways: Sequence[Gateway] = ()) -> None:
        """With other gateways, if any are given: who is connected stays where he is."""
        assert self._process is not None
        if gateways:
            self._front = replace(self._front, gateways=tuple(gateways))
            self._config.write_text(render(self._front))
        self._process.send_signal(signal.SIGHUP)

    @property
    def leaving(self) -> int:
        """Worker processes that a reload has replaced, and that have connections still."""
        assert self._process is not None
        titles = [child.cmdline() for child in psutil.Process(self._process.pid).children()]
        return sum("shutting down" in " ".join(title) for title in titles)

    def close(self) -> None:
        """Its worker processes end with the master that is told to."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_EXIT_WITHIN_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _config(self) -> Path:
        return self._folder / "nginx.conf"

    def _start(self) -> None:
        """Raises `NoNginx`."""
        self._config.write_text(render(self._front))
        try:
            self._process = start_server(
                [*_command(self._config), "-g", "daemon off;"], lambda: listens(self.entry.port)
            )
        except DidNotAnswer as error:
            raise NoNginx(f"nginx: {error}\n{self._log()}") from None

    def _log(self) -> str:
        log = self._folder / "error.log"
        return log.read_text() if log.exists() else ""


def _command(config: Path) -> list[str]:
    """Raises `NoNginx`."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        raise NoNginx("nginx is not installed: apt-get install nginx-light")
    folder = config.parent
    return [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)]
