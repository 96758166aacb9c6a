"""Starts the engine once, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Final

from cli.doctor.checks.engine import EngineFacts
from cli.supervisor.plan import python_path
from common.settings import Settings

LIMIT_S: Final = 30.0


def probe_engine(settings: Settings) -> EngineFacts:
    argv = (sys.executable, "-P", "-m", "worker.engines.trial")
    # As the supervisor does, for `--engine my_module:attribute`.
    environ = {**os.environ, "PYTHONPATH": python_path(sys.path, os.getcwd())}
    try:
        done = subprocess.run(
            argv,
            input=settings.model_dump_json(),
            env=environ,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return EngineFacts(f"it was not ready within {LIMIT_S:g} s")
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        return EngineFacts(
            f"its process ended with code {done.returncode} ({said[-1] if said else 'no word'})"
        )
    outcome: dict[str, str | None] = json.loads(done.stdout)
    return EngineFacts(outcome["trouble"])
