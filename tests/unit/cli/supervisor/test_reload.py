from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.pid_space import pid_space
from cli.supervisor.reload import Reloader, ReloadView
from cli.supervisor.run_dir import with_seed, write_settings
from common.settings import Settings, settings_from_file
from common.settings_source import SettingsSource


@dataclass
class Rig:
    config: Path
    run_dir: Path
    reloader: Reloader

    def reload(self, text: str) -> ReloadView:
        self.config.write_text(text)
        self.reloader.reload()
        return self.reloader.view

    @property
    def told(self) -> Settings:
        """What children read."""
        return settings_from_file(self.run_dir / "settings.json")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Of a supervisor with two workers, told by a flag, and a seed of its own."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    config = tmp_path / "voxshard.toml"
    config.write_text("")
    source = SettingsSource({"workers": 2}, {}, config)
    loaded = source.load()
    running = with_seed(loaded)
    write_settings(running, tmp_path)
    yield Rig(config, tmp_path, Reloader(source, loaded, running, tmp_path))
    root.setLevel(level)
    root.handlers[:] = handlers


def test_children_are_told_what_can_change_and_the_rest_is_named(rig: Rig) -> None:
    seed = rig.told.placement_seed
    view = rig.reload("max_speaking = 9\npartial_interval_ms = 600\nport = 11000\nworkers = 5\n")
    assert view == ReloadView(
        os.getpid(),
        pid_space(),
        1,
        live=("max_speaking",),
        rolling=("partial_interval_ms",),
        restart=("port",),
    )
    told = rig.told
    assert (told.max_speaking, told.partial_interval_ms) == (9, 600)
    assert (told.port, told.workers, told.placement_seed, told.run_dir) == (10_095, 2, seed, rig.run_dir)


def test_what_waits_for_a_restart_is_named_again_and_the_rest_is_not(rig: Rig) -> None:
    text = "max_speaking = 9\nport = 11000\n"
    rig.reload(text)
    view = rig.reload(text)
    assert (view.reloads, view.live, view.restart) == (2, (), ("port",))
    assert rig.reload("").live == ("max_speaking",)
    assert rig.told.max_speaking is None


def test_the_supervisor_has_its_own_level_at_once(rig: Rig) -> None:
    rig.reload('log_level = "error,supervisor=debug"')
    assert logging.getLogger().level == logging.DEBUG


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("max_speaking = ", "voxshard.toml"),
        ("max_speaking = 0", "max_speaking"),
        ("max_speking = 1", "max_speking"),
        ("max_speaking = 1\nhotword_file = '/none'", "/none"),
        ("max_speaking = 1\ntenants_file = '/none'", "/none"),
    ],
)
def test_what_cannot_be_used_changes_nothing(
    rig: Rig, text: str, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = rig.told
    view = rig.reload(text)
    assert view.error is not None and cause in view.error
    assert (view.reloads, view.live) == (1, ())
    assert rig.told == before
    assert "settings not reloaded, the former ones stay" in caplog.messages
    assert rig.reload("max_speaking = 1").error is None
    assert rig.told.max_speaking == 1


def test_a_run_folder_without_room_changes_nothing_and_ends_nothing(rig: Rig) -> None:
    (rig.run_dir / "settings.json.part").mkdir()
    view = rig.reload("max_speaking = 9")
    assert view.error is not None and "settings.json.part" in view.error
    assert (view.live, rig.told.max_speaking, rig.reloader.running.max_speaking) == ((), None, None)
    (rig.run_dir / "settings.json.part").rmdir()
    assert rig.reload("max_speaking = 9").live == ("max_speaking",)
    assert rig.told.max_speaking == 9


def test_files_that_settings_name_are_read_again_though_no_setting_is_another(rig: Rig) -> None:
    before = (rig.run_dir / "settings.json").stat().st_mtime_ns
    assert rig.reload("").live == ()
    assert (rig.run_dir / "settings.json").stat().st_mtime_ns > before
