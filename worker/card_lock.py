"""One engine at a time starts on a card: vLLM looks how much memory is free, then takes its part.

Two that look at the same time take what only one can have. The lock is of the card, not of an instance, so
it holds for all workers of one user on this host.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from worker.gpu import card_of, visible_card

log = logging.getLogger(__name__)

_FOLDER: Final = Path("/run/lock")
_POLL_S: Final = 0.1


class CardLockUnusable(Exception):
    """The lock file is not this user's; the message names it."""


@asynccontextmanager
async def card_lock(device: str) -> AsyncIterator[None]:
    """Hold the card of `device` (cuda or cuda:N); wait as long as another process holds it.

    The kernel releases it with the process. Raises `CardLockUnusable`, and `OSError` for a folder that
    cannot be written.
    """
    path = lock_path(device)
    file = _open(path)
    try:
        await _take(file, path)
        try:
            yield
        finally:
            # By name: closing is not enough while a forked child holds a copy of the file.
            fcntl.flock(file, fcntl.LOCK_UN)
    finally:
        os.close(file)


def lock_path(device: str, environ: Mapping[str, str] = os.environ) -> Path:
    card = card_of(device, environ)
    folder = _FOLDER if os.access(_FOLDER, os.W_OK) else Path(tempfile.gettempdir())
    name = card.uuid if card is not None else visible_card(device, environ) or "none"
    # The old names of parts of a card contain slashes.
    return folder / f"voxshard-card-{name.replace('/', '-')}-{os.getuid()}.lock"


def _open(path: Path) -> int:
    # The folder is everybody's: somebody else's file or link could be there under our name.
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CardLockUnusable(f"{path}: cannot be opened ({error.strerror})") from error
    if os.fstat(file).st_uid != os.getuid():
        os.close(file)
        raise CardLockUnusable(f"{path}: belongs to another user")
    return file


async def _take(file: int, path: Path) -> None:
    if _taken(file):
        return
    log.info("waiting for the card, another engine is starting on it", extra={"lock": str(path)})
    began = time.monotonic()
    # Not a blocking call on a thread: nothing could cancel that.
    while not _taken(file):  # noqa: ASYNC110
        await asyncio.sleep(_POLL_S)
    log.info("the card is free", extra={"waited_s": round(time.monotonic() - began, 1)})


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
