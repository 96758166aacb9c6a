from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from tests.support.counting_server import counting_server

SMALL = ["--first", "1", "--most", "2", "--seconds", "1", "--ramp", "0.1", "--clients", "1"]


async def against_server(monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    async with counting_server() as server:
        monkeypatch.setattr(sys, "argv", ["bench", "capacity", *SMALL, "--server", server.url, *more])
        await asyncio.to_thread(main)


def test_what_was_held_is_written_with_every_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "capacity.json"
    # A machine that is busy may be late; which run is good is not the question here.
    goals = ["--stop-p95-ms", "5000", "--late-percent", "100", "--client-late-ms", "5000"]
    asyncio.run(against_server(monkeypatch, *goals, "--output", str(output)))
    result: dict[str, Any] = json.loads(output.read_text())["result"]
    assert result["held"] == 2
    assert [trial["run"]["streams"] for trial in result["trials"]] == [1, 2]
    assert result["goals"] == {"stop_p95_ms": 5000, "late_percent": 100.0, "client_late_ms": 5000}
    assert "2 streams held · STOP p95 at most 5000 ms" in capsys.readouterr().out


def test_server_that_holds_nothing_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.trials.REST_S", 0.0)

    async def failing() -> None:
        async with counting_server(error="overloaded") as server:
            monkeypatch.setattr(sys, "argv", ["bench", "capacity", *SMALL, "--server", server.url])
            await asyncio.to_thread(main)

    with pytest.raises(SystemExit) as ended:
        asyncio.run(failing())
    assert ended.value.code == 1
    assert "0 streams held" in capsys.readouterr().out


def test_measurement_that_cannot_be_made_ends_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "capacity", *SMALL, "--metrics", "http://127.0.0.1:1/metrics"])
    with pytest.raises(SystemExit, match="no metrics at"):
        main()
