from __future__ import annotations

import threading
from pathlib import Path

import pytest

from worker.engines.encoder_llm.folder_swap import build_folder, folder_lock


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "file").write_text("new")


def write_and_fail(folder: Path) -> None:
    write(folder)
    raise ValueError("no more")


def test_folder_appears_and_nothing_beside_it(tmp_path: Path) -> None:
    build_folder(tmp_path / "made", write)
    assert names(tmp_path) == ["made"]
    assert (tmp_path / "made" / "sub" / "file").read_text() == "new"


def test_old_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").touch()
    build_folder(tmp_path / "made", write)
    assert names(tmp_path) == ["made"]
    assert names(tmp_path / "made") == ["sub"]


def test_failure_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").touch()
    with pytest.raises(ValueError, match="no more"):
        build_folder(tmp_path / "made", write_and_fail)
    assert names(tmp_path) == ["made"]
    assert names(tmp_path / "made") == ["old"]


def test_leftovers_of_this_folder_are_removed_and_of_no_other(tmp_path: Path) -> None:
    for name in (".made.0123abcd.part", ".made.0123abcd.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    others = [".made.0123abcd", ".made.more.0123abcd.part", "made.0123abcd.part"]
    for name in others:
        (tmp_path / name).mkdir()
    build_folder(tmp_path / "made", write)
    assert names(tmp_path) == sorted([*others, "made"])


def test_lock_keeps_others_out_until_it_is_left(tmp_path: Path) -> None:
    target = tmp_path / "not" / "there" / "made"
    order: list[str] = []

    def wait() -> None:
        with folder_lock(target):
            order.append("second")

    with folder_lock(target):
        other = threading.Thread(target=wait)
        other.start()
        other.join(0.1)
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]
