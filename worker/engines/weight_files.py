"""Whether files of weights are whole, by what stands at their ends: no tensor is loaded."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path


def broken_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files of weights in `folder` and below that no library could load, each with the reason."""
    for path in sorted(folder.rglob("*")):
        why = _why_broken(path) if path.is_file() else None
        if why is not None:
            yield path, why


def _why_broken(path: Path) -> str | None:
    match path.suffix:
        case ".safetensors":
            return _why_no_safetensors(path)
        case ".pt":
            # torch.save writes a zip archive, whose table of contents stands at the end.
            return None if zipfile.is_zipfile(path) else "no archive of torch, or one that was cut short"
    return None


def _why_no_safetensors(path: Path) -> str | None:
    # Here and not above: engines without such files do not bring the library.
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    try:
        # Its header says where each tensor ends, and the library compares that with the file.
        with safe_open(path, framework="numpy"):
            return None
    except (OSError, SafetensorError) as error:
        return str(error)
