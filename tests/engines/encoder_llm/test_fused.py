from __future__ import annotations

import subprocess
import sys


def test_the_cards_kernel_is_the_plain_step() -> None:
    command = [sys.executable, "-m", "tests.support.fused_kernel"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.stdout.strip(), done.returncode) == ("equal", 0), done.stderr
