"""The measurement of MPS on a GPU host, from end to end without one: daemon and engine are played."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.mps.result import MpsResult
from tests.support.addresses import Addresses
from tests.support.card_engine import ENGINE, with_fake_mps
from tests.support.processes import ROOT

pytestmark = pytest.mark.timeout(180)

STAGES = (
    "--rounds",
    "1",
    "--starts",
    "1,1,2",
    "--fault",
    "2",
    "--streams",
    "3",
    "--seconds",
    "12",
    "--after",
    "3",
)


class Record(msgspec.Struct):
    result: MpsResult


def test_every_stage_is_measured_and_holds(tmp_path: Path) -> None:
    output = tmp_path / "mps.json"
    ports = Addresses("127.0.0.1", gateways=1, workers=2).settings()
    serve = " ".join(f"--{name} {value}" for name, value in ports.items())
    engines = ("--engine", ENGINE, "--fault-engine", ENGINE, "--canary", "tests.support.card_engine:canary")
    command = [sys.executable, "-m", "bench", "mps", *STAGES, *engines, "--serve", serve, "--commit", "abc"]
    done = subprocess.run(
        [*command, "--output", str(output)],
        cwd=ROOT,
        env=os.environ | with_fake_mps(),
        capture_output=True,
        text=True,
        check=False,
    )
    result = msgspec.json.decode(output.read_bytes(), type=Record).result
    # There is no card to be asked.
    broken = [check for check in result.checks if not check.holds]
    assert [check.name for check in broken] == ["fault: nvidia-smi answers"], done.stdout + done.stderr
    assert done.returncode == 1
    assert [start.workers for start in result.starts] == [1, 1, 2, 2]
    assert result.fault is not None and result.fault.sessions is not None
    assert {end.name for end in result.fault.ends if end.ended_s is not None} == {"worker-0", "worker-1"}
    assert result.fault.sessions.waited == 3
    assert result.fault.sessions.unheard_s == 0.0
    assert result.commit == "abc"
