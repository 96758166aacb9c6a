"""The end of a process, told before the kernel takes the process apart.

The sockets of a process that was killed are closed when all its memory is free: some 8 ms for 100 MB on an
idle machine, more on a busy one, and a worker with its model on a GPU has gigabytes. A robust mutex in shared
memory (pthread_mutexattr_setrobust(3)) goes to whoever waits for it once the thread that had it is gone,
which is the first thing that happens. Linux only, and between processes of one host.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

IS_GIVEN: Final = sys.platform.startswith("linux")
# 40 on x86-64, 48 on arm64.
_MUTEX_BYTES: Final = 64
_SHARED: Final = 1
_ROBUST: Final = 1
# The first to hear of it, and all others.
_GIVEN: Final = frozenset({errno.EOWNERDEAD, errno.ENOTRECOVERABLE})
# Of one wait; then whoever has stopped waiting ends.
_LOOK_UP_S: Final = 1.0


class Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def give_notice(file: Path) -> None:
    """In `file`, of the end of the thread that calls this, instead of that of a former process. Raises
    `OSError`."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    try:
        # Not ftruncate: on a disk that is full the first byte would be SIGBUS then.
        os.posix_fallocate(handle, 0, _MUTEX_BYTES)
        memory = mmap.mmap(handle, _MUTEX_BYTES)
        _make(_mutex(memory))
        # Complete when others see it.
        Path(name).rename(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    # Never freed: an interpreter that ends would give the memory back before the thread ends.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))


def try_to_give_notice(file: Path) -> str | None:
    """Why it could not be given. Then there is none: a former process' would tell of this one's end."""
    try:
        give_notice(file)
    except OSError as error:
        file.unlink(missing_ok=True)
        return os.strerror(error.errno or 0)
    return None


class EndWatch:
    """Waits in a thread of its own for the notice in `file`; `ended` is called there, unless `stop` was."""

    def __init__(self, file: Path, ended: Callable[[], None]) -> None:
        """Raises `OSError`."""
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _MUTEX_BYTES)
        self._ended = ended
        self._stopped = False
        # A wait cannot be broken off; no process is kept alive by one.
        threading.Thread(target=self._wait, name=f"end of {file.stem}", daemon=True).start()

    def stop(self) -> None:
        self._stopped = True

    def _wait(self) -> None:
        mutex = _mutex(self._memory)
        while not self._stopped:
            outcome = _LIBC.pthread_mutex_timedlock(mutex, ctypes.byref(_in(_LOOK_UP_S)))
            if outcome == errno.EOWNERDEAD:
                # Given back as it is, it tells all others who wait.
                _LIBC.pthread_mutex_unlock(mutex)
            if outcome in _GIVEN:
                break
            if outcome != errno.ETIMEDOUT:
                raise OSError(outcome, os.strerror(outcome))
        if not self._stopped:
            self._ended()


def _libc() -> Any:
    return ctypes.CDLL(None)


_LIBC: Final = _libc()


def _mutex(memory: mmap.mmap) -> Any:
    return ctypes.byref((ctypes.c_char * _MUTEX_BYTES).from_buffer(memory))


def _make(mutex: Any) -> None:
    """Shared, robust, and locked by this thread. Raises `OSError`."""
    kind = ctypes.create_string_buffer(_MUTEX_BYTES)
    for outcome in (
        _LIBC.pthread_mutexattr_init(kind),
        _LIBC.pthread_mutexattr_setpshared(kind, _SHARED),
        _LIBC.pthread_mutexattr_setrobust(kind, _ROBUST),
        _LIBC.pthread_mutex_init(mutex, kind),
        _LIBC.pthread_mutex_lock(mutex),
    ):
        if outcome:
            raise OSError(outcome, os.strerror(outcome))


def _in(seconds: float) -> Timespec:
    at = time.time() + seconds
    return Timespec(int(at), int(at % 1 * 1e9))
