"""The machine that `voxshard doctor` looks at, and that others are started on: as a test has made it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from common.settings import PREFIX
from tests.support.addresses import Addresses
from tests.support.processes import SCRIPTED

_WITHIN_S: Final = 60.0
# A mount that ends with the command.
_MOUNTED: Final = 'mount -t tmpfs -o {options} none {folder} && exec "$@"'


class Told(msgspec.Struct, frozen=True):
    severity: str
    cause: str
    found: str
    means: str
    do: str


class Report(msgspec.Struct, frozen=True):
    ok: bool
    findings: list[Told]


@dataclass
class Machine:
    """How a command is run there: through which other, with which settings."""

    folder: Path
    flags: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    through: list[str] = field(default_factory=list)

    def examine(self) -> Report:
        done = self.run("doctor", "--json")
        report = msgspec.json.decode(done.stdout, type=Report)
        assert done.returncode == (0 if report.ok else 1), done.stderr
        return report

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        flags = [part for name, value in self.flags.items() for part in (f"--{name}", str(value))]
        voxshard = Path(sys.executable).with_name("voxshard")
        mine = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        return subprocess.run(
            [*self.through, str(voxshard), command, *arguments, *flags],
            env=mine | self.environ,
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
        )

    def file(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def mount(self, options: str) -> None:
        """An empty disk as the run folder, in a namespace of the command's own."""
        run_dir = self.folder / "run"
        run_dir.mkdir(mode=0o700)
        script = _MOUNTED.format(options=options, folder=run_dir)
        self.through = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
        if subprocess.run([*self.through, "true"], check=False).returncode != 0:
            pytest.skip("this user may make no mount namespaces")
        self.flags["run-dir"] = run_dir


def machine_in(folder: Path) -> Machine:
    """On which nothing is wrong."""
    addresses = Addresses("127.0.0.1", gateways=1, workers=2)
    return Machine(folder, {**addresses.settings(), "engine": SCRIPTED})


def only(report: Report) -> Told:
    assert len(report.findings) == 1, report.findings
    [told] = report.findings
    assert told.found and told.means and told.do
    return told
