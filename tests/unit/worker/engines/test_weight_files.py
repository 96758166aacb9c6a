from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from worker.engines.weight_files import broken_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With whole files of both kinds."""
    (tmp_path / "part").mkdir()
    save_file({"a": np.zeros(100, np.float32)}, tmp_path / "part" / "model.safetensors")
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("data.pkl", bytes(100))
    (tmp_path / "config.json").write_text("{")
    return tmp_path


def test_whole_files_are_not_broken_and_others_are_not_looked_at(folder: Path) -> None:
    assert list(broken_files(folder)) == []


@pytest.mark.parametrize("name", ["part/model.safetensors", "model.pt"])
@pytest.mark.parametrize("left", [0, 7, -50])
def test_a_file_that_was_cut_is_named(folder: Path, name: str, left: int) -> None:
    path = folder / name
    os.truncate(path, left if left >= 0 else path.stat().st_size + left)
    [(found, why)] = broken_files(folder)
    assert found == path and why


def test_a_header_that_is_no_header_is_named(folder: Path) -> None:
    path = folder / "part" / "model.safetensors"
    path.write_bytes(b"\xff" * 200)
    assert [found for found, _ in broken_files(folder)] == [path]
