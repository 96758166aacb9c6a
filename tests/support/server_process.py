"""Somebody else's server as a child process that ends with the tests."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from common.process import end_with_parent

_READY_WITHIN_S: Final = 10.0


class DidNotAnswer(Exception):
    """It ended, or was not there in time; the message says how."""


def start_server(argv: Sequence[str], answers: Callable[[], bool]) -> subprocess.Popen[bytes]:
    """Running, and answering. Raises `DidNotAnswer`; it does not run any more then."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=partial(end_with_parent, os.getpid()),  # noqa: PLW1509 - it takes no lock that another thread might hold
    )
    give_up_at = time.monotonic() + _READY_WITHIN_S
    while not answers():
        if process.poll() is not None or time.monotonic() > give_up_at:
            process.kill()
            raise DidNotAnswer(f"exit code {process.wait()}")
        time.sleep(0.01)
    return process
