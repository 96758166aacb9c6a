from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

import pytest

from bench.mps.serving import Event, Serving, ServingFailed, parse_log

LOG = """
2026-11-30 02:41:19,433 INFO supervisor: child gone child=worker-1 pid=27528
(EngineCore pid=4) INFO 11-30 02:41:19 [core.py:1] what others say
2026-11-30 02:41:19,434 WARNING supervisor: child died child=worker-1 how=could not use its card
Traceback (most recent call last):
2026-11-30 02:41:20,000 ERROR gateway-0: alone
"""


def test_lines_of_our_processes_are_events_with_fields() -> None:
    gone, died, alone = parse_log(LOG)
    at = datetime(2026, 11, 30, 2, 41, 19, 433_000).astimezone().timestamp()
    assert gone == Event(at, "supervisor", "child gone", {"child": "worker-1", "pid": "27528"})
    assert died.fields["how"] == "could not use its card"
    assert died.at == pytest.approx(at + 0.001)
    assert (alone.process, alone.message, alone.fields) == ("gateway-0", "alone", {})


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that `voxshard serve` is taken for; it runs what stands in `play.py` there."""
    folder = tmp_path / "cli"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "main.py").write_text("def main():\n    import play")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("bench.mps.serving._ROOT", tmp_path)
    return tmp_path / "play.py"


READY = """
import signal, sys
print("live ws://127.0.0.1:1", "ops worker-0 http://127.0.0.1:2", "ready", sep="\\n", flush=True)
print("2026-11-30 02:41:20,000 INFO supervisor: child ready child=worker-0", file=sys.stderr, flush=True)
"""


def test_it_is_ready_when_it_says_so_and_ends_when_it_is_told(played: Path, tmp_path: Path) -> None:
    played.write_text(READY + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); signal.pause()")
    with Serving([], tmp_path) as running:
        running.wait_ready(10)
        assert running.address("live") == "ws://127.0.0.1:1"
        assert running.address("worker-0") == "http://127.0.0.1:2"
        assert [event.message for event in running.events] == ["child ready"]
        assert running.stop() < 10
        for _ in range(2):
            running.keep_log(tmp_path / "logs" / "kept")
    assert (tmp_path / "logs" / "kept").read_text().count("child ready") == 2


def test_one_that_ends_before_it_is_ready_says_why(played: Path, tmp_path: Path) -> None:
    played.write_text("raise SystemExit('no card')")
    with Serving([], tmp_path) as running, pytest.raises(ServingFailed, match="exit code 1: no card"):
        running.wait_ready(10)


def test_one_that_is_never_ready_is_ended(played: Path, tmp_path: Path) -> None:
    played.write_text("import signal; signal.pause()")
    with Serving([], tmp_path) as running:
        with pytest.raises(ServingFailed, match=r"not ready within 0\.1 s"):
            running.wait_ready(0.1)
        pid = running._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_ends_badly_is_a_failure(played: Path, tmp_path: Path) -> None:
    played.write_text(READY + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3)); signal.pause()")
    with Serving([], tmp_path) as running:
        running.wait_ready(10)
        with pytest.raises(ServingFailed, match="exit code 3"):
            running.stop()


def test_a_page_that_does_not_answer_counts_nothing(played: Path, tmp_path: Path) -> None:
    played.write_text(READY + "signal.pause()")
    with Serving([], tmp_path) as running:
        running.wait_ready(10)
        began = time.monotonic()
        assert running.total("worker-0", "asr_mps_attached") == 0.0
        assert time.monotonic() - began < 10
