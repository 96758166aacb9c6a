from __future__ import annotations

from pathlib import Path

import pytest

from bench.engine_flags import SECTIONS, PeerFlags, parse_engine_flags
from bench.engine_processes import environment


def test_without_sections_all_are_measured() -> None:
    flags = parse_engine_flags(["--model", "m"])
    assert flags.sections == SECTIONS
    assert flags.engine.model == str(Path("m").absolute())
    assert flags.cells.batches == (1, 8, 32, 64)
    assert flags.cells.clips == 1_000
    assert flags.note == "random weights"


def test_sections_are_measured_in_their_order_and_once() -> None:
    flags = parse_engine_flags(["peer", "encoder", "peer", "--model", "m"])
    assert flags.sections == ("encoder", "peer")


def test_cells_are_lists() -> None:
    flags = parse_engine_flags(["whole", "--model", "m", "--in-flight", "1,2", "--lengths", "2,8.5"])
    assert flags.cells.in_flight == (1, 2)
    assert flags.cells.lengths_s == (2.0, 8.5)


@pytest.mark.parametrize(
    "wrong",
    [
        ["decoder"],
        ["--batches", "0"],
        ["--lengths", "31"],
        ["--windows", "8,-2"],
        ["--dtype", "fp16"],
        ["--seconds-limit", "inf"],
    ],
)
def test_wrong_flags_end_with_a_message(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_engine_flags(["--model", "m", *wrong])
    assert "error:" in capsys.readouterr().err


def test_model_is_required() -> None:
    with pytest.raises(SystemExit):
        parse_engine_flags(["encoder"])


def test_our_processes_have_the_worker_s_environment() -> None:
    inner = environment("running", PeerFlags("python", 4, 0.8), {"PATH": "p"})
    assert inner["OMP_NUM_THREADS"] == "1"
    assert inner["PATH"] == "p"


def test_peer_has_its_own_threads_unless_told_otherwise() -> None:
    assert "OMP_NUM_THREADS" not in environment("peer", PeerFlags("python", None, 0.8), {})
    assert environment("peer", PeerFlags("python", 2, 0.8), {})["OMP_NUM_THREADS"] == "2"
