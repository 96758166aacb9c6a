from __future__ import annotations

from pathlib import Path

import pytest

from common.settings import load_settings
from common.settings_file import SettingsFile


def put(path: Path, workers: int) -> None:
    part = path.with_suffix(".part")
    part.write_text(load_settings({"workers": workers}, {}).model_dump_json())
    part.replace(path)


def test_a_file_is_read_again_when_it_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    put(path, 2)
    file = SettingsFile(path)
    assert file.settings.workers == 2
    assert not file.changed()
    put(path, 3)
    assert file.changed()
    assert file.settings.workers == 3
    assert not file.changed()


def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    put(path, 2)
    file = SettingsFile(path)
    path.unlink()
    assert not file.changed()
    put(path, 4)
    assert file.changed() and file.settings.workers == 4


def test_a_file_that_was_never_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        SettingsFile(tmp_path / "settings.json")
