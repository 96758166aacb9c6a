"""Command line of the processes that a supervisor starts."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from common.settings_file import SettingsFile


@dataclass(frozen=True, slots=True)
class ChildArguments:
    """`settings`: what the supervisor tells, now and later. `parent`: its process id. `incarnation`: what it
    calls this process in its `common.ends`; empty if nobody asked for it."""

    index: int
    settings: SettingsFile
    parent: int
    incarnation: str = ""


def child_arguments(program: str) -> ChildArguments:
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--settings", type=Path, required=True, help="JSON file written by the supervisor")
    parser.add_argument("--parent", type=int, required=True, help="process id of the supervisor")
    parser.add_argument("--incarnation", default="", help="name of this process in the supervisor's /ends")
    parsed = parser.parse_args()
    file = SettingsFile(parsed.settings)
    return ChildArguments(parsed.index, file, parsed.parent, parsed.incarnation)
