"""Another container, as far as numbers of processes go: a command behind `CONTAINER` runs in it."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

import pytest

CONTAINER: Final = ("unshare", "--map-root-user", "--pid", "--fork", "--mount-proc")


def _cannot_have_any() -> bool:
    if shutil.which(CONTAINER[0]) is None:
        return True
    return subprocess.run([*CONTAINER, "true"], capture_output=True, check=False).returncode != 0


needs_container = pytest.mark.skipif(_cannot_have_any(), reason="this user may make no process namespaces")
