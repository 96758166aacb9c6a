from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.supervisor import mps_choice
from cli.supervisor.mps_choice import MpsUnusable, check_contexts, choose_daemon, under_mps
from cli.supervisor.mps_daemon import ForeignDaemon, OwnDaemon
from common.settings import Settings
from tests.support.card_engine import with_fake_mps
from worker import mps_control
from worker.gpu import Card

RUN_DIR = Path("/run/voxshard")
NANO = "fun-asr-nano"


class Host:
    """What is there, besides Voxshard."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch = monkeypatch
        monkeypatch.setattr(mps_control, "DEFAULT_PIPES", folder)
        self.has(card=True, program=True)

    def has(self, *, card: bool, program: bool) -> None:
        found = Card(0, "NVIDIA H200", "GPU-aa") if card else None
        self._patch.setattr(mps_choice, "card_of", lambda device: found)
        self._patch.setattr(mps_choice, "cuda_driver", lambda: (13, 0))
        self._patch.setenv("PATH", with_fake_mps()["PATH"] if program else "/usr/bin:/bin")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    return Host(monkeypatch, tmp_path)


def chosen(environ: dict[str, str] | None = None, **settings: Any) -> str | None:
    daemon = choose_daemon(Settings(**settings), RUN_DIR, environ or {})
    return None if daemon is None else f"{type(daemon).__name__} {daemon.pipes}"


OWN = f"{OwnDaemon.__name__} /run/voxshard/mps"


@pytest.mark.parametrize(
    ("settings", "daemon"),
    [
        ({"engine": NANO}, OWN),
        ({"engine": NANO, "device": "cuda:1"}, OWN),
        ({"engine": NANO, "device": "cpu"}, None),
        ({"engine": NANO, "mps": "off"}, None),
        ({"engine": "moonshine"}, None),
        ({"engine": "moonshine", "device": "cuda"}, None),
        ({"engine": "moonshine", "mps": "on"}, OWN),
        ({"engine": NANO, "workers": 0, "redis_url": "redis://10.0.0.7"}, None),
        ({"engine": "mine:create"}, None),
        ({"engine": "mine:create", "device": "cuda"}, OWN),
        ({"engine": "mine:create", "mps": "on"}, OWN),
    ],
)
def test_a_daemon_is_started_for_engines_on_a_card(
    settings: dict[str, Any], daemon: str | None, host: Host
) -> None:
    assert chosen(**settings) == daemon


def test_without_a_card_or_the_program_there_is_none_unless_it_is_wanted(host: Host) -> None:
    host.has(card=False, program=True)
    assert chosen(engine=NANO) is None
    host.has(card=True, program=False)
    assert chosen(engine=NANO) is None
    with pytest.raises(MpsUnusable, match="nvidia-cuda-mps-control is not on the PATH"):
        chosen(engine=NANO, mps="on")


def test_one_that_is_configured_is_used(host: Host, tmp_path: Path) -> None:
    named = {"CUDA_MPS_PIPE_DIRECTORY": "/run/theirs"}
    assert chosen(named, engine=NANO) == f"{ForeignDaemon.__name__} /run/theirs"
    assert chosen(named, engine="moonshine") is None
    (tmp_path / "control").touch()
    assert chosen(engine=NANO) == f"{ForeignDaemon.__name__} {tmp_path}"


def test_a_run_dir_that_has_room_for_workers_only_is_refused(host: Host) -> None:
    with pytest.raises(MpsUnusable, match="too long for the sockets of the MPS daemon"):
        choose_daemon(Settings(mps="on"), Path("/" + "d" * 87), {})


@pytest.mark.parametrize(
    ("driver", "most"), [(None, 24), ((12, 8), 24), ((13, 0), 24), ((13, 1), 30), ((14, 0), 30)]
)
def test_more_workers_than_mps_has_contexts_for_are_refused(
    driver: tuple[int, int] | None, most: int
) -> None:
    check_contexts(most, driver)
    with pytest.raises(
        MpsUnusable, match=f"--workers {most + 1}: MPS takes {2 * most} CUDA contexts on a card"
    ):
        check_contexts(most + 1, driver)


def test_too_many_workers_are_refused_before_anything_begins(host: Host) -> None:
    with pytest.raises(MpsUnusable, match="24 workers at most, or --mps off"):
        chosen(engine=NANO, workers=25)
    assert chosen(engine=NANO, workers=25, mps="off") is None


@pytest.mark.parametrize(("device", "then"), [("auto", "cuda"), ("cuda:1", "cuda:1")])
def test_under_mps_a_worker_has_no_other_way_than_the_card(device: str, then: str) -> None:
    assert under_mps(Settings(device=device)).device == then
