from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from bench.mps import fault
from bench.mps import main as program
from bench.mps.blow import Blow
from bench.mps.canary import Program
from bench.mps.flags import parse_mps_flags
from bench.mps.main import Measurement, expected_start_s
from bench.mps.record import Fault, Round, Start
from bench.mps.result import MpsResult
from bench.mps.starts import Instance
from bench.report import make_header, show
from tests.support.clock import ManualClock

EACH_S = 50.0


class Host:
    """Stages take their time on this clock, and are noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = ManualClock()
        self.stages: list[str] = []
        monkeypatch.setattr(program, "measure_rounds", self._measure_rounds)
        monkeypatch.setattr(program, "measure_start", self._measure_start)
        monkeypatch.setattr(fault, "measure_fault", self._measure_fault)
        monkeypatch.setattr(program, "card_facts", lambda: {"name": "NVIDIA H200"})

    def measured(self, *arguments: str) -> MpsResult:
        saved: list[MpsResult] = []
        flags = parse_mps_flags(arguments)
        result = Measurement(flags, saved.append, self.clock.now).run()
        assert not saved or saved[-1] == result
        return result

    def _measure_rounds(self, folder: Path, program: Program, count: int, note: object) -> None:
        self.stages.append(f"{count} rounds")
        assert callable(note)
        note(Round("canary", attached=True))

    def _measure_start(self, instance: Instance, workers: int) -> Start:
        self.stages.append(f"{workers} of {instance.engine}")
        return self._started(workers)

    def _measure_fault(
        self, instance: Instance, workers: int, blow: Blow, canary: Program
    ) -> tuple[Start, Fault]:
        self.stages.append(f"fault of {workers} of {instance.engine}, {blow.streams} streams")
        return self._started(workers), Fault(workers, "worker-0")

    def _started(self, workers: int) -> Start:
        self.clock.advance(workers * EACH_S)
        ready_s = tuple(EACH_S * number for number in range(1, workers + 1))
        return Start(workers, ready_s, ready_s[-1], workers, workers, workers)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(monkeypatch)


def test_stages_come_in_their_order_and_the_fault_last(host: Host) -> None:
    result = host.measured(
        *("--rounds", "20", "--starts", "1,1,2", "--fault", "4", "--fault-engine", "trap:create"),
        *("--streams", "7", "--budget", "900", "--commit", "abc", "--note", "random weights"),
    )
    assert host.stages == [
        "20 rounds",
        *("1 of fun-asr-nano", "1 of fun-asr-nano", "2 of fun-asr-nano"),
        "fault of 4 of trap:create, 7 streams",
    ]
    assert [start.workers for start in result.starts] == [1, 1, 2, 4]
    assert (result.commit, result.note, result.card["name"]) == ("abc", "random weights", "NVIDIA H200")
    assert result.left_out == ()


def test_what_has_no_time_is_left_out_by_what_the_starts_before_took(host: Host) -> None:
    result = host.measured("--starts", "1,4,2", "--fault", "4", "--budget", "240")
    assert host.stages == ["1 of fun-asr-nano", "2 of fun-asr-nano"]
    assert result.left_out == ("4 workers", "fault of 4 workers")
    assert [check.name for check in result.checks if not check.holds] == list(result.left_out)


@pytest.mark.parametrize(
    ("before", "expected_s"),
    [
        ((), 240.0),
        (((105.0,),), 420.0),
        (((105.0,), (70.0,)), 280.0),
        (((70.0,), (57.0, 97.0), (80.0,)), 57.0 + 3 * 40.0),
        (((70.0,), ()), 280.0),
    ],
)
def test_more_workers_are_expected_to_take_what_those_behind_the_first_took(
    before: tuple[tuple[float, ...], ...], expected_s: float
) -> None:
    starts = [Start(len(ready_s) or 9, ready_s) for ready_s in before]
    assert expected_start_s(starts, 4) == pytest.approx(expected_s)


def test_nothing_is_measured_unasked(host: Host) -> None:
    assert host.measured().tables()[-1].rows == ()
    assert host.stages == []


def test_tables_show_all_stages(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    result = host.measured("--rounds", "1", "--starts", "1", "--fault", "1", "--budget", "900")
    show(make_header("bench", "now", "here"), result, Console(width=200))
    shown = capsys.readouterr().out
    for title in ("start and end of the MPS daemon", "workers on one card", "device-side assert in worker-0"):
        assert title in shown
    assert [table.title for table in result.tables()][-1] == "what has to hold"


def test_the_program_ends_with_1_if_something_does_not_hold(host: Host, tmp_path: Path) -> None:
    output = tmp_path / "mps.json"
    with pytest.raises(SystemExit) as ended:
        program.main(["--starts", "9", "--budget", "10", "--output", str(output)])
    assert ended.value.code == 1
    assert b'"9 workers"' in output.read_bytes()
