from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.supervisor.errors import RunDirUnusable
from cli.supervisor.run_dir import (
    MPS_PIPES_NAME,
    NOTIFY_NAME,
    SETTINGS_NAME,
    open_run_dir,
    visit_run_dir,
    write_settings,
)
from common.settings import Settings, load_settings, settings_from_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Not yet there; shorter than what a long test name would make."""
    with tempfile.TemporaryDirectory(prefix="vs-") as folder:
        yield Path(folder) / "run"


def test_made_folder_is_private_and_removed_with_all_in_it(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(short_path))
    with open_run_dir(None) as run_dir:
        assert run_dir.parent == short_path
        assert run_dir.name.startswith("voxshard-")
        assert mode(run_dir) == 0o700
        (run_dir / "worker-0.sock").touch()
    assert list(short_path.iterdir()) == []


def test_given_folder_is_made_private_and_stays_without_our_files(short_path: Path) -> None:
    with open_run_dir(short_path) as run_dir:
        assert run_dir == short_path
        assert mode(run_dir) == 0o700
        for name in (
            SETTINGS_NAME,
            NOTIFY_NAME,
            "worker-0.sock",
            "worker-12.sock",
            "worker-0.end",
            "worker-0.end.x1",
            "other",
        ):
            (run_dir / name).touch()
        (run_dir / MPS_PIPES_NAME).mkdir()
    assert [path.name for path in short_path.iterdir()] == ["other"]


def test_who_only_visits_a_folder_leaves_workers_that_run_there_their_sockets(short_path: Path) -> None:
    short_path.mkdir(mode=0o700)
    (short_path / "worker-0.sock").touch()
    with visit_run_dir(short_path), pytest.raises(RunDirUnusable, match="another supervisor"):
        open_run_dir(short_path).__enter__()
    assert [path.name for path in short_path.iterdir()] == ["worker-0.sock"]


def test_folder_open_to_others_is_refused_and_left_as_it_is(short_path: Path) -> None:
    short_path.mkdir(mode=0o755)
    short_path.chmod(0o755)
    with pytest.raises(RunDirUnusable, match="chmod 700"), open_run_dir(short_path):
        pass
    assert mode(short_path) == 0o755


def test_folder_of_a_running_supervisor_is_refused_and_left_as_it_is(short_path: Path) -> None:
    with open_run_dir(short_path) as run_dir:
        settings_file = write_settings(load_settings({}, {}), run_dir)
        with pytest.raises(RunDirUnusable, match="another supervisor"), open_run_dir(short_path):
            pass
        assert settings_file.exists()
    with open_run_dir(short_path):
        pass


def test_file_in_place_of_the_folder_is_refused(short_path: Path) -> None:
    short_path.touch()
    with (
        pytest.raises(RunDirUnusable, match=r"run folder .*File exists: choose .* --run-dir"),
        open_run_dir(short_path),
    ):
        pass


@pytest.mark.parametrize("given", [True, False])
def test_folder_too_deep_for_sockets_is_refused(
    given: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 88)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(RunDirUnusable, match="too long for sockets"), open_run_dir(deep if given else None):
        pass
    assert list(deep.iterdir()) == []


def test_children_read_what_the_supervisor_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_settings(load_settings({"workers": 3, "language": "en"}, {}), tmp_path)
    monkeypatch.setenv("VOXSHARD_WORKERS", "7")
    read = settings_from_file(path)
    assert (read.workers, read.language, read.run_dir) == (3, "en", tmp_path)
    assert len(read.placement_seed) == 32


def test_given_seed_is_kept_and_an_empty_one_is_new_each_time(tmp_path: Path) -> None:
    def seed(settings: Settings) -> str:
        return settings_from_file(write_settings(settings, tmp_path)).placement_seed

    assert seed(load_settings({"placement_seed": "chosen"}, {})) == "chosen"
    assert seed(load_settings({}, {})) != seed(load_settings({}, {}))


def test_settings_file_is_private_whatever_was_there_before(tmp_path: Path) -> None:
    left_over = tmp_path / SETTINGS_NAME
    left_over.touch(mode=0o644)
    assert mode(write_settings(load_settings({}, {}), tmp_path)) == 0o600
