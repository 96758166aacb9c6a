"""What a prepared folder says about itself: from which files it was made, and what belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

MANIFEST_NAME: Final = "prepared.json"
# One more with every change of what a prepared folder holds.
FORMAT: Final = 1


class FileState(msgspec.Struct, frozen=True):
    """Enough to see that a file is another one; reading gigabytes at each start would be too slow."""

    size: int
    mtime_ns: int


class Manifest(msgspec.Struct, frozen=True):
    """source:  files that it was made from, by their path in the model folder.
    files:      size in bytes of what was made, by path in the prepared folder.
    tensors:    how many went where.
    """

    format: int
    source: dict[str, FileState]
    files: dict[str, int]
    tensors: dict[str, int]


def source_states(folder: Path, names: list[str]) -> dict[str, FileState]:
    states = {name: (folder / name).stat() for name in names}
    return {name: FileState(state.st_size, state.st_mtime_ns) for name, state in states.items()}


def write_manifest(folder: Path, source: dict[str, FileState], tensors: dict[str, int]) -> None:
    """The last file to be written into `folder`."""
    made = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = {str(path.relative_to(folder)): path.stat().st_size for path in made}
    text = msgspec.json.format(msgspec.json.encode(Manifest(FORMAT, source, files, tensors)))
    (folder / MANIFEST_NAME).write_bytes(text)


def is_made_from(folder: Path, source: dict[str, FileState]) -> bool:
    """Whether `folder` is whole and was made from files in this state."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST_NAME).read_bytes(), type=Manifest)
        sizes = {name: (folder / name).stat().st_size for name in manifest.files}
    except (OSError, msgspec.MsgspecError):
        return False
    return manifest.format == FORMAT and manifest.source == source and sizes == manifest.files
