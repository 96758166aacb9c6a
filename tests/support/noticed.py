"""A process that gives notice of its end, to be ended in any way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.processes import ROOT

_PROGRAM: Final = """
import sys
from pathlib import Path
from common.end_notice import give_notice
give_notice(Path(sys.argv[1]))
print("posted", flush=True)
sys.stdin.read()
"""


@contextmanager
def noticed(file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """It runs, and its notice is in `file`; it ends when its stdin is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(file)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"posted\n"
            yield process
        finally:
            process.kill()
