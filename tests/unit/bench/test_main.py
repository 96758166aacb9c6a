from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from tests.support.counting_server import counting_server


async def run_against_server(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: str | None = None
) -> None:
    async with counting_server(error) as server:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments, "--server", server.url, "--speed", "1000"])
        await asyncio.to_thread(main)


@pytest.fixture
def one_sentence(tmp_path: Path) -> Path:
    file = tmp_path / "sentences.txt"
    file.write_text("The cat sat by the door.\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "program",
    [
        ["wer"],
        ["wer", "--joined", "0.05", "--pause", "0.6"],
        ["endpoints"],
        ["partials", "--utterances", "2", "--seconds", "1.5"],
        ["streams", "2", "--seconds", "2"],
    ],
)
def test_every_program_prints_and_writes_its_figures(
    program: list[str],
    one_sentence: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "figures.json"
    arguments = [*program, "--sentences", str(one_sentence), "--output", str(output)]
    asyncio.run(run_against_server(monkeypatch, arguments))
    written: dict[str, Any] = json.loads(output.read_text())
    assert written["header"]["command"].startswith(f"python -m bench {program[0]}")
    assert any(written["result"].values())
    assert capsys.readouterr().out


def test_wer_counts_what_the_server_wrote(
    one_sentence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "figures.json"
    arguments = ["wer", "--sentences", str(one_sentence), "--output", str(output)]
    asyncio.run(run_against_server(monkeypatch, arguments))
    [score] = json.loads(output.read_text())["result"]["scores"]
    # "N samples" has none of the six words: two are replaced, four are missing.
    assert (score["sessions"], score["words"], score["errors"], score["wer"]) == (1, 6, 6, 1.0)


def test_failed_session_ends_with_its_cause_and_no_figures(
    one_sentence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "figures.json"
    arguments = ["wer", "--sentences", str(one_sentence), "--output", str(output)]
    with pytest.raises(SystemExit) as ended:
        asyncio.run(run_against_server(monkeypatch, arguments, error="odd_frame"))
    assert ended.value.code == "failed: odd_frame: as the test wants"
    assert not output.exists()
