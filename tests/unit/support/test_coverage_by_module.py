from __future__ import annotations

from pathlib import Path

import pytest

from tests.coverage_by_module import Covered, own_tests, ruled_modules


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small repository."""
    for name in (
        "common/__init__.py",
        "common/link.py",
        "common/link_transport.py",
        "gateway/placement.py",
        "gateway/live.py",
        "tests/unit/common/test_link.py",
        "tests/unit/common/test_link_fuzz.py",
        "tests/unit/common/test_link_transport.py",
        "tests/unit/common/test_linker.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_the_rule_holds_for_pure_modules_only(tree: Path) -> None:
    assert ruled_modules(tree) == ["common/link.py", "common/link_transport.py", "gateway/placement.py"]


def test_a_test_belongs_to_the_longest_name_that_it_begins_with(tree: Path) -> None:
    folder = "tests/unit/common"
    assert own_tests("common/link.py", tree) == [f"{folder}/test_link.py", f"{folder}/test_link_fuzz.py"]
    assert own_tests("common/link_transport.py", tree) == [f"{folder}/test_link_transport.py"]


def test_a_module_without_tests_is_told(tree: Path) -> None:
    assert own_tests("gateway/placement.py", tree) == []


@pytest.mark.parametrize(
    ("covered", "enough"),
    [
        (Covered("m", 95.0, 95.0), True),
        (Covered("m", 100.0, 94.9), False),
        (Covered("m", 94.9, 100.0), False),
        (Covered("m", 100.0, 100.0, "its tests fail"), False),
    ],
)
def test_lines_and_branches_must_both_be_covered(covered: Covered, enough: bool) -> None:
    assert covered.enough is enough
    assert ("ok" in covered.row()) is enough
