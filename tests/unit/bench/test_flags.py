from __future__ import annotations

from pathlib import Path

import pytest

from bench.endpoints import LONG_SPEECH_S, SPEECH_S, Endpoints
from bench.flags import DEFAULT_SERVER, parse_flags
from bench.material import JoinPlan, PauseRange
from bench.partials import Partials
from bench.player import Server
from bench.streams import Streams
from bench.wer import JoinedWer, PassagesWer


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["wer"], PassagesWer),
        (["wer", "--recordings"], PassagesWer),
        (["wer", "--joined", "10"], JoinedWer),
        (["endpoints"], Endpoints),
        (["partials"], Partials),
        (["streams", "4"], Streams),
    ],
)
def test_each_program_is_built_with_defaults(arguments: list[str], kind: type) -> None:
    invocation = parse_flags(arguments)
    assert isinstance(invocation.measurement, kind)
    assert invocation.server == Server(DEFAULT_SERVER)
    assert invocation.output is None


def test_common_flags_are_taken_by_every_program() -> None:
    for program in (["wer"], ["endpoints"], ["partials"], ["streams", "2"]):
        invocation = parse_flags(
            [*program, "--server", "ws://h:1", "--schedule", "offline", "--output", "x.json"]
        )
        assert invocation.server == Server("ws://h:1", "offline")
        assert invocation.output == Path("x.json")


def test_file_is_played_with_its_own_words(tmp_path: Path) -> None:
    audio, text = tmp_path / "said.wav", tmp_path / "said.txt"
    audio.touch()
    text.touch()
    measurement = parse_flags(["wer", "--wav", str(audio), str(text)]).measurement
    assert isinstance(measurement, PassagesWer)
    assert measurement.material == "file"


@pytest.mark.parametrize(
    ("flags", "plan"),
    [
        ([], JoinPlan(90.0, PauseRange(0.4, 2.5), seed=0)),
        (["--pause", "0.6"], JoinPlan(90.0, PauseRange(0.6, 0.6), seed=0)),
        (["--pause", "1-2", "--seed", "7"], JoinPlan(90.0, PauseRange(1.0, 2.0), seed=7)),
    ],
)
def test_joined_session_is_planned_from_its_flags(flags: list[str], plan: JoinPlan) -> None:
    measurement = parse_flags(["wer", "--joined", "1.5", *flags]).measurement
    assert isinstance(measurement, JoinedWer)
    assert measurement.plan == plan


@pytest.mark.parametrize(("flags", "lengths_s"), [([], SPEECH_S), (["--long"], (*SPEECH_S, *LONG_SPEECH_S))])
def test_long_speech_is_only_traced_when_asked_for(flags: list[str], lengths_s: tuple[float, ...]) -> None:
    measurement = parse_flags(["endpoints", *flags]).measurement
    assert isinstance(measurement, Endpoints)
    assert measurement.speech_s == lengths_s


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["wer", "--speed", "0"],
        ["wer", "--parallel", "0"],
        ["wer", "--joined", "inf"],
        ["wer", "--recordings", "--joined", "1"],
        ["wer", "--wav", "audio.wav"],
        ["wer", "--sentences", "no-such-file"],
        ["wer", "--joined", "1", "--pause", "2-1"],
        ["wer", "--joined", "1", "--pause", "soon"],
        ["endpoints", "--schedule", "5000:100"],
        ["streams"],
        ["streams", "0"],
    ],
)
def test_flags_that_make_no_sense_end_with_a_message(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_flags(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err
