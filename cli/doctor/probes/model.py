"""The files of a Fun-ASR-Nano model, and what was made of them."""

from __future__ import annotations

import os
from pathlib import Path

from cli.doctor.checks.model import ModelFacts
from common.settings import Settings
from worker.engines.weight_files import broken_files


def probe_model(settings: Settings) -> ModelFacts:
    # Here and not above: only the extra `gpu` brings what they need.
    from worker.engines.encoder_llm import checkpoint as files  # noqa: PLC0415
    from worker.engines.encoder_llm.prepare import survey  # noqa: PLC0415

    model = settings.model or ""
    folder = Path(model).expanduser()
    try:
        if not model or not folder.is_dir():
            at_hub = files.HUB_ID.fullmatch(model) is not None
            return ModelFacts(model, fetched=at_hub, missing=not at_hub)
        forbidden = _forbidden(folder)
    except PermissionError as error:
        forbidden = error.filename
    if forbidden is not None:
        return ModelFacts(model, forbidden=forbidden)
    try:
        checkpoint = files.open_checkpoint(folder)
    except files.CheckpointError as error:
        return ModelFacts(model, incomplete=str(error))
    found = survey(checkpoint, settings.prepared)
    broken = dict(broken_files(folder))
    if found.target.is_dir():
        broken.update(broken_files(found.target))
    return ModelFacts(
        model=model,
        broken=tuple((str(path), why) for path, why in broken.items()),
        prepared=found.ready,
        target=str(found.target),
        target_trouble=found.trouble,
        needed=found.needed,
        free=found.free,
    )


def _forbidden(folder: Path) -> str | None:
    """The first file in it that this user may not read. Raises `PermissionError` for such a folder."""
    for inside, _, names in os.walk(folder, onerror=_raise):
        for path in (os.path.join(inside, name) for name in names):
            if not os.access(path, os.R_OK):
                return path
    return None


def _raise(error: OSError) -> None:
    raise error
