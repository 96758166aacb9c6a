"""A real HAProxy in front of gateways, from the configuration that the documentation names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cli.front import Entry, Gateway
from tests.support.ports import free_ports, listens
from tests.support.processes import ROOT
from tests.support.server_process import start_server

CONFIG: Final = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
AS_ITSELF: Final = "    user haproxy\n    group haproxy\n"
_EXIT_WITHIN_S: Final = 10.0


class NoHaproxy(Exception):
    """It is not installed."""


def check(config: Path) -> str:
    """What is wrong, or nothing."""
    done = subprocess.run([_program(), "-c", "-q", "-f", config], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


@contextmanager
def haproxy(gateways: Sequence[Gateway], connections: int = 1_000) -> Iterator[Entry]:
    """Before two gateways, on free ports of the loopback interface; so many connections of one address."""
    port, http_port = free_ports(2)
    entry = Entry(("127.0.0.1",), port, http_port)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "haproxy.cfg"
        config.write_text(_changed(gateways, entry, connections), encoding="utf-8")
        process = start_server([_program(), "-f", str(config)], lambda: listens(port))
        try:
            yield entry
        finally:
            process.terminate()
            process.wait(_EXIT_WITHIN_S)


def _changed(gateways: Sequence[Gateway], entry: Entry, connections: int) -> str:
    """Each of these has to be there."""
    others = {
        # Tests need not be root, and a process with another user would outlive them if they are killed.
        AS_ITSELF: "",
        "bind :10095": f"bind 127.0.0.1:{entry.port}",
        "bind :8899": f"bind 127.0.0.1:{entry.http_port}",
        "gt 1000 ": f"gt {connections} ",
    }
    for index, gateway in enumerate(gateways):
        others[f"127.0.0.1:{11_095 + index}"] = gateway.live
        others[f"127.0.0.1:{18_899 + index}"] = gateway.http
        others[f"port {18_899 + index}"] = f"port {gateway.http.rpartition(':')[2]}"
    text, pattern = CONFIG.read_text(encoding="utf-8"), "|".join(map(re.escape, others))
    assert set(re.findall(pattern, text)) == set(others)
    return re.sub(pattern, lambda found: others[found.group()], text)


def _program() -> str:
    program = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        raise NoHaproxy("haproxy is not installed: apt-get install haproxy")
    return program
