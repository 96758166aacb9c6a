"""The folder of one instance: its sockets and the settings of its children."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cli.supervisor.errors import RunDirUnusable
from common.settings import Settings

SETTINGS_NAME: Final = "settings.json"
_PART_NAME: Final = "settings.json.part"
NOTIFY_NAME: Final = "notify.sock"
MPS_PIPES_NAME: Final = "mps"
MPS_LOGS_NAME: Final = "mps-logs"
# A Unix socket path has 103 bytes on macOS (107 on Linux); the longest one here ends in /worker-63.sock.
_MAX_PATH_BYTES: Final = 88
_ELSEWHERE: Final = "choose another folder with --run-dir"


@contextmanager
def open_run_dir(wanted: Path | None) -> Iterator[Path]:
    """An absolute folder that only this user can enter and no other supervisor uses inside the block.

    Without `wanted` it is made, and removed afterwards. A given folder is made if need be and stays.
    Raises `RunDirUnusable`.
    """
    path = _made() if wanted is None else _given(wanted.absolute())
    with _locked(path):
        try:
            yield path
        finally:
            _clean(path, whole=wanted is None)


@contextmanager
def visit_run_dir(path: Path) -> Iterator[None]:
    """A folder that is there, held like that of `open_run_dir`, but left as it is: workers that were started
    by hand may have their sockets in it. Raises `RunDirUnusable`."""
    with _locked(_given(path.absolute())):
        yield


def with_seed(settings: Settings) -> Settings:
    """The same with a secret of their own, if they have none."""
    return settings.model_copy(update={"placement_seed": settings.placement_seed or secrets.token_hex(16)})


def write_settings(settings: Settings, run_dir: Path) -> Path:
    """The file that children read: everything resolved, for the owner's eyes, as it holds the seed. Whoever
    reads it finds the former one or this one, whole."""
    resolved = with_seed(settings).model_copy(update={"run_dir": run_dir})
    path, part = run_dir / SETTINGS_NAME, run_dir / _PART_NAME
    # A file left by a killed supervisor would keep its own mode and links.
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(resolved.model_dump_json())
    part.replace(path)
    return path


def _made() -> Path:
    path = Path(tempfile.mkdtemp(prefix="voxshard-"))
    try:
        check_length(path)
    except RunDirUnusable:
        path.rmdir()
        raise
    return path


def _given(path: Path) -> Path:
    check_length(path)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise _refused(path, error.strerror or "cannot be made", _ELSEWHERE) from error
    # Refused, not repaired: it may be a folder that others need, such as /tmp.
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        private = f"chmod 700 {path}, as its owner and ours; or {_ELSEWHERE}"
        raise _refused(path, "does not belong to this user alone", private)
    return path


def check_length(path: Path) -> None:
    """Raises `RunDirUnusable`."""
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        raise _refused(path, f"longer than {_MAX_PATH_BYTES} bytes, too long for sockets", _ELSEWHERE)


def _refused(path: Path, why: str, do: str) -> RunDirUnusable:
    return RunDirUnusable(f"run folder {path}: {why}", do)


def _clean(path: Path, *, whole: bool) -> None:
    if whole:
        shutil.rmtree(path, ignore_errors=True)
        return
    shutil.rmtree(path / MPS_PIPES_NAME, ignore_errors=True)
    # A worker that was killed left its socket, and its notice or what was to become one.
    of_workers = (file for pattern in ("worker-*.sock", "worker-*.end*") for file in path.glob(pattern))
    for file in (path / SETTINGS_NAME, path / _PART_NAME, path / NOTIFY_NAME, *of_workers):
        file.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The lock ends with this process, however it ends."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(folder, path)
        yield
    finally:
        os.close(folder)


def _lock(folder: int, path: Path) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _refused(path, "another supervisor uses it", f"stop that one, or {_ELSEWHERE}") from error
