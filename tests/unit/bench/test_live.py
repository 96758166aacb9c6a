from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.__main__ import main
from bench.live import make_jobs
from bench.live_flags import Load
from bench.live_material import Loop, MaterialKind
from bench.live_processes import LiveError, run_clients
from bench.live_trace import Job
from tests.support.counting_server import counting_server

LOOP = Loop(np.zeros(0, np.int16), np.zeros(16_000, np.int16), ((0, 16_000),))


def test_streams_are_spread_over_ramp_servers_processes_and_material() -> None:
    load = Load((4,), seconds=60.0, ramp_s=8.0, clients=2, material=MaterialKind.CONTINUOUS)
    jobs = make_jobs(load, ["ws://a", "ws://b", "ws://c"], 4, LOOP)
    assert [[plan.number for plan in job.streams] for job in jobs] == [[0, 2], [1, 3]]
    plans = sorted((plan for job in jobs for plan in job.streams), key=lambda plan: plan.number)
    assert [plan.url for plan in plans] == ["ws://a", "ws://b", "ws://c", "ws://a"]
    assert [plan.delay_s for plan in plans] == [0.0, 2.0, 4.0, 6.0]
    assert [plan.offset for plan in plans] == [0, 4_000, 16_000, 16_000]
    assert {job.deadline_s for job in jobs} == {8.0 + 60.0 + 60.0}


def test_no_process_is_started_without_a_stream() -> None:
    load = Load((2,), seconds=1.0, ramp_s=1.0, clients=4, material=MaterialKind.CONTINUOUS)
    assert len(make_jobs(load, ["ws://a"], 2, LOOP)) == 2


def test_run_prints_and_writes_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "live.json"
    options = ["--seconds", "2", "--ramp", "0.2", "--clients", "2", "--note", "a test"]

    async def against_server() -> None:
        async with counting_server() as server:
            arguments = ["2", *options, "--server", server.url, "--output", str(output)]
            monkeypatch.setattr(sys, "argv", ["bench", "live", *arguments])
            await asyncio.to_thread(main)

    asyncio.run(against_server())
    written: dict[str, Any] = json.loads(output.read_text())
    assert written["header"]["command"].startswith("python -m bench live 2")
    setup = written["result"]["setup"]
    assert (setup["note"], setup["material"], setup["seconds"]) == ("a test", "continuous", 2.0)
    [run] = written["result"]["runs"]
    assert (run["streams"], run["lost"], run["silent"], run["changed"]) == (2, 0, 0, 0)
    assert run["after_stop"]["count"] == 2
    assert run["sentences"] == {"stop": 2}
    assert sum(client["frames"] for client in run["lateness"]) == 2 * 20
    printed = capsys.readouterr().out
    assert "voxshard: partials, ms · continuous speech, 2 s, started over 0.2 s · a test" in printed


def test_client_that_cannot_run_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    unknown_material: Any = "music"
    with pytest.raises(LiveError, match="did not start"):
        run_clients([Job((), unknown_material, 1.0, 1.0)])
    assert "music" in capfd.readouterr().err


def test_measurement_that_cannot_be_made_ends_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["live", "1", "--metrics", "http://127.0.0.1:1/metrics"]
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert str(ended.value.code).startswith("no metrics at http://127.0.0.1:1/metrics")
