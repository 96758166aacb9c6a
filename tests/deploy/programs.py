"""Runs the programs that a deployment gives the files of this repository to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_TAKES_AT_MOST_S: Final = 50
_PACKAGES: Final = {
    "docker-compose": "docker-compose",
    "nginx": "nginx-light",
    "promtool": "prometheus",
    "systemd-analyze": "systemd",
    "systemd-sysusers": "systemd",
}


class NotInstalled(Exception):
    """The message says what to install."""


def program(name: str) -> str:
    """Its path, of the virtual environment first. Raises `NotInstalled`."""
    here = str(Path(sys.executable).parent)
    found = shutil.which(name, path=os.pathsep.join([here, os.environ["PATH"], "/usr/sbin"]))
    if found is None:
        raise NotInstalled(f"{name} is not installed: apt-get install {_PACKAGES.get(name, name)}")
    return found


def run(*argv: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Whatever it says and however it ends; in the root of the repository."""
    return subprocess.run(
        [program(argv[0]), *argv[1:]],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=_TAKES_AT_MOST_S,
        check=False,
    )
