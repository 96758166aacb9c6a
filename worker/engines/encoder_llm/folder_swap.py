"""A folder that appears whole or not at all, built once however many processes want it."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def folder_lock(target: Path) -> Iterator[None]:
    """Only one process at a time for `target`; the others wait. Raises `OSError`.

    The kernel frees the lock when its process ends, however that happens. The lock file stays: a process
    that waits on a removed one would not keep out who makes it again.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(target.parent / f".{target.name}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting for another process that makes this folder", extra={"folder": target})
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def build_folder(target: Path, build: Callable[[Path], None]) -> None:
    """Let `build` fill an empty folder, then put it in the place of `target`. Call it under the lock.

    If `build` raises, `target` is as before and nothing of the new folder is left.
    """
    _remove_leftovers(target)
    token = secrets.token_hex(4)
    part, old = (target.parent / f".{target.name}.{token}.{kind}" for kind in ("part", "old"))
    part.mkdir()
    try:
        build(part)
        _flush(part)
        # A folder cannot be renamed over a full one. In between there is none, and whoever looks then is told
        # what he would have been told before: that it has to be made.
        if target.exists():
            target.rename(old)
        part.rename(target)
        _flush_one(target.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _remove_leftovers(target: Path) -> None:
    """What processes left that were killed in the middle; nobody else is in the middle now."""
    name = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.(part|old)")
    for path in target.parent.iterdir():
        if name.fullmatch(path.name):
            shutil.rmtree(path)


def _flush(folder: Path) -> None:
    """To the disk before the rename, or a power cut could leave a whole folder of empty files."""
    for path in (*folder.rglob("*"), folder):
        _flush_one(path)


def _flush_one(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
