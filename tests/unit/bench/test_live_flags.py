from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.live_flags import DEFAULT_SERVER, LiveFlags, Load, parse_live_flags
from bench.live_material import MaterialKind
from bench.peers.launch import FunasrSetup


def test_defaults_are_those_of_our_server() -> None:
    assert parse_live_flags(["20"]) == LiveFlags(
        servers=(DEFAULT_SERVER,),
        peer=None,
        load=Load((20,), seconds=60.0, ramp_s=10.0, clients=4, material=MaterialKind.CONTINUOUS),
        interval_ms=480,
        cap_ms=30_000,
        metrics=(),
        note="",
        output=None,
    )


def test_runs_servers_and_metrics_may_be_several() -> None:
    flags = parse_live_flags(
        [
            "50,100",
            "--server",
            "ws://a",
            "--server",
            "ws://b",
            "--metrics",
            "http://a",
            "--metrics",
            "http://b",
        ]
    )
    assert flags.load.streams == (50, 100)
    assert flags.servers == ("ws://a", "ws://b")
    assert flags.metrics == ("http://a", "http://b")


def test_peer_is_judged_by_its_own_interval_and_cap() -> None:
    arguments = ["4", "--peer", "funasr", "--model", "m", "--ports", "1,2", "--cap", "32"]
    flags = parse_live_flags([*arguments, "--peer-flags", "--device cpu"])
    assert (flags.interval_ms, flags.cap_ms) == (960, 60_000)
    assert flags.peer == FunasrSetup(Path("m"), (1, 2), 32, ("--device", "cpu"), sys.executable)
    assert parse_live_flags([*arguments, "--interval-ms", "500"]).interval_ms == 500


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["0"],
        ["4,"],
        ["4", "--seconds", "inf"],
        ["4", "--clients", "0"],
        ["4", "--material", "music"],
        ["4", "--peer", "funasr"],
        ["4", "--model", "m"],
        ["4", "--peer", "other", "--model", "m"],
    ],
)
def test_flags_that_make_no_sense_end_with_a_message(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_live_flags(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_streams_of_a_peer_do_not_resume(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_live_flags(["1", "--resume"]).load.resume
    with pytest.raises(SystemExit):
        parse_live_flags(["1", "--resume", "--peer", "funasr", "--model", "models/nano"])
    assert "--resume goes with our own server" in capsys.readouterr().err
