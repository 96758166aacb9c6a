"""Another container, as far as numbers of processes go: a command behind `CONTAINER` runs in it."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

CONTAINER: Final = ("unshare", "--map-root-user", "--pid", "--fork", "--mount-proc")


def without_container() -> bool:
    """Whether this machine, or this user, cannot have any."""
    if shutil.which(CONTAINER[0]) is None:
        return True
    return subprocess.run([*CONTAINER, "true"], capture_output=True, check=False).returncode != 0
