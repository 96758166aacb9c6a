"""Command line of the processes that a supervisor starts."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from common.settings import Settings, settings_from_file


@dataclass(frozen=True, slots=True)
class ChildArguments:
    """`parent`: process id of the supervisor."""

    index: int
    settings: Settings
    parent: int


def child_arguments(program: str) -> ChildArguments:
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--settings", type=Path, required=True, help="JSON file written by the supervisor")
    parser.add_argument("--parent", type=int, required=True, help="process id of the supervisor")
    parsed = parser.parse_args()
    return ChildArguments(parsed.index, settings_from_file(parsed.settings), parsed.parent)
