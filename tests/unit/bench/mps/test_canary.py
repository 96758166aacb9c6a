from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.mps import canary
from bench.mps.canary import Canary, CanaryDead, Song

WHERE = "BENCH_CANARY_FOLDER"
HERE = "tests.unit.bench.mps.test_canary"


def tame(claim_gib: float) -> Song:
    (Path(os.environ[WHERE]) / "was-here").touch()
    return Song(os.getpid(), 0.001, 132, claim_gib > 4 or None)


def mute(claim_gib: float) -> Song:
    raise RuntimeError("CUDA error: no device")


def slow(claim_gib: float) -> Song:
    os.read(0, 1)
    return tame(claim_gib)


def test_it_sings_in_the_environment_it_is_told_and_lives_until_its_end(tmp_path: Path) -> None:
    with Canary(f"{HERE}:tame") as bird:
        song = bird.sing({WHERE: str(tmp_path)}, 6.0)
        assert (tmp_path / "was-here").exists()
        assert (song.multiprocessors, song.refused) == (132, True)
        assert song.pid != os.getpid()
        os.kill(song.pid, 0)
        bird.end()
        with pytest.raises(ProcessLookupError):
            os.kill(song.pid, 0)


def test_one_that_cannot_sing_is_dead() -> None:
    with Canary(f"{HERE}:mute") as bird, pytest.raises(CanaryDead, match="its process ended"):
        bird.sing({})


def test_one_that_was_not_asked_goes_quietly() -> None:
    with Canary(f"{HERE}:tame"):
        pass


def test_one_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "_LIMIT_S", 0.1)
    with Canary(f"{HERE}:slow") as bird, pytest.raises(CanaryDead, match=r"no answer within 0\.1 s"):
        bird.sing({})
