"""The version after this one, for tests of an upgrade: this code with another link protocol."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from tests.support.page_commands import ROOT

_PACKAGES: Final = ("cli", "client", "common", "gateway", "tests", "worker")
_LINK_VERSION: Final = re.compile(r"^LINK_VERSION: Final = (\d+)$", re.MULTILINE)


def next_version(folder: Path) -> dict[str, str]:
    """Makes it in `folder`; the environment in which `voxshard` is that version."""
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    link = folder / "common" / "link.py"
    text, changed = _LINK_VERSION.subn(
        lambda found: found[0].replace(found[1], f"{int(found[1]) + 1}"), link.read_text()
    )
    assert changed == 1, "where the version of the link stands has changed"
    link.write_text(text)
    return {"PYTHONPATH": str(folder)}
