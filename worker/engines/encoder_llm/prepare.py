"""Splits a checkpoint, once and before any worker starts, into what vLLM loads and what the encoder loads.

prepared.json                      made from what
audio.safetensors                  encoder, adaptor, CTC head
language_model/                    a model folder as vLLM wants it
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.settings import Settings
from worker.engines.encoder_llm.checkpoint import (
    GENERATION_CONFIG,
    Checkpoint,
    CheckpointError,
    end_tokens,
    open_checkpoint,
    read_language_config,
    resolve_model,
)
from worker.engines.encoder_llm.folder_swap import build_folder, folder_lock
from worker.engines.encoder_llm.manifest import (
    MANIFEST_NAME,
    FileState,
    is_made_from,
    source_states,
    write_manifest,
)
from worker.engines.encoder_llm.splitting import Tensors, split_weights
from worker.engines.encoder_llm.versions import check_versions
from worker.engines.preparation import CannotPrepare, PreparedModel

_NAME: Final = "voxshard"
_LANGUAGE_MODEL: Final = "language_model"
_AUDIO: Final = "audio.safetensors"
# Weights of their own beside the language model's config would be loaded instead of those of the checkpoint.
_WEIGHT_ENDINGS: Final = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".index.json")
_GIB: Final = 2**30


@dataclass(frozen=True, slots=True)
class Prepared:
    """language_model: folder for vLLM. audio: safetensors file with the names of the checkpoint."""

    folder: Path
    language_model: Path
    audio: Path


@dataclass(frozen=True, slots=True)
class Survey:
    """`ready`: made and up to date, in `target`; else `target` is where it would be made. Bytes of disk.
    `trouble`: why it cannot be made there."""

    ready: bool
    target: Path
    needed: int
    free: int
    trouble: str | None = None


def prepare_from_settings(settings: Settings) -> PreparedModel:
    """Fetch, check and split the model of `settings`. Raises `CannotPrepare`."""
    if settings.model is None:
        raise CannotPrepare(f"engine {settings.engine} has no model of its own: give --model DIR_OR_ID")
    try:
        checkpoint = open_checkpoint(resolve_model(settings.model, settings.hub))
        check_versions()
        return PreparedModel(checkpoint.folder, prepare(checkpoint, settings.prepared).folder)
    except CheckpointError as error:
        raise CannotPrepare(str(error)) from error


def prepare(checkpoint: Checkpoint, folder: Path | None = None) -> Prepared:
    """The split checkpoint, made now unless it is there already; `folder`, or a place beside the model.

    Any number of processes may call this at once: one does the work. Raises `CheckpointError`.
    """
    source = _source(checkpoint)
    places = _places(checkpoint, folder)
    ready = _first_ready(places, source)
    if ready is not None:
        return ready
    target = _first_writable(places)
    try:
        with folder_lock(target):
            # Another process may have made it while this one waited.
            if not is_made_from(target, source):
                _check_replaceable(target)
                _check_space(target, source)
                build_folder(target, _split_into(checkpoint, source))
    except OSError as error:
        which = f" ({error.filename})" if error.filename else ""
        raise CheckpointError(f"{target} cannot be made: {error.strerror or error}{which}") from error
    return _prepared(target)


def survey(checkpoint: Checkpoint, folder: Path | None = None) -> Survey:
    """What `prepare` with the same arguments would find. Raises `OSError`."""
    source = _source(checkpoint)
    places = _places(checkpoint, folder)
    ready = _first_ready(places, source)
    target = _first_writable(places) if ready is None else ready.folder
    there = next(parent for parent in target.parents if parent.exists())
    free = shutil.disk_usage(there).free
    trouble = None if ready is not None else _trouble(target, there)
    return Survey(ready is not None, target, _bytes_needed(source), free, trouble)


def _trouble(target: Path, there: Path) -> str | None:
    """`there`: the folder in which it would be made, or the first one above that exists."""
    try:
        _check_replaceable(target)
    except CheckpointError as error:
        return str(error)
    return None if _can_write(there) else f"{target} cannot be made: this user may not write {there}"


def find_prepared(checkpoint: Checkpoint, folder: Path | None = None) -> Prepared:
    """What `prepare` made with the same arguments; raises `CheckpointError` if it is not there."""
    ready = _first_ready(_places(checkpoint, folder), _source(checkpoint))
    if ready is None:
        given = [] if folder is None else ["--prepared", str(folder)]
        command = shlex.join([_NAME, "worker", "prepare", str(checkpoint.folder), *given])
        raise CheckpointError(f"the model is not prepared, or was changed since: run {command}")
    return ready


def _prepared(folder: Path) -> Prepared:
    return Prepared(folder, folder / _LANGUAGE_MODEL, folder / _AUDIO)


def _places(checkpoint: Checkpoint, folder: Path | None) -> list[Path]:
    """Where the prepared folder may lie, the best place first; without links, as it is renamed as a whole."""
    if folder is not None:
        return [folder.expanduser().resolve()]
    model = checkpoint.folder.resolve()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    digest = hashlib.sha256(os.fsencode(model)).hexdigest()[:12]
    return [(model / _NAME).resolve(), (cache / _NAME / f"{model.name}-{digest}").resolve()]


def _source(checkpoint: Checkpoint) -> dict[str, FileState]:
    """Everything that a prepared folder depends on."""
    files = [checkpoint.weights, checkpoint.folder / "config.yaml", *_language_files(checkpoint)]
    return source_states(checkpoint.folder, [str(path.relative_to(checkpoint.folder)) for path in files])


def _language_files(checkpoint: Checkpoint) -> list[Path]:
    return [
        path
        for path in sorted(checkpoint.language_model.iterdir())
        if path.is_file() and not path.name.endswith(_WEIGHT_ENDINGS)
    ]


def _first_ready(places: list[Path], source: dict[str, FileState]) -> Prepared | None:
    return next((_prepared(place) for place in places if is_made_from(place, source)), None)


def _first_writable(places: list[Path]) -> Path:
    """The last one unseen: that it cannot be written is for the caller to tell."""
    return next((place for place in places[:-1] if _can_write(place.parent)), places[-1])


def _can_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def _check_replaceable(target: Path) -> None:
    """A folder with anything else in it is never replaced: it would be gone."""
    if not target.exists():
        return
    if not target.is_dir() or any(
        path.name not in (_LANGUAGE_MODEL, _AUDIO, MANIFEST_NAME) for path in target.iterdir()
    ):
        raise CheckpointError(f"{target} holds something else: give a folder of its own with --prepared")


def _check_space(target: Path, source: dict[str, FileState]) -> None:
    needed = _bytes_needed(source)
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise CheckpointError(
            f"{target} needs {needed / _GIB:.1f} GiB of disk, and {free / _GIB:.1f} GiB are free there"
        )


def _bytes_needed(source: dict[str, FileState]) -> int:
    return sum(state.size for state in source.values())


def _split_into(checkpoint: Checkpoint, source: dict[str, FileState]) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        weights = split_weights(checkpoint.weights, read_language_config(checkpoint.language_model))
        language_model = folder / _LANGUAGE_MODEL
        language_model.mkdir()
        _copy_language_files(checkpoint, language_model)
        _save(weights.language_model, language_model / "model.safetensors")
        _save(weights.audio, folder / _AUDIO)
        tensors = {
            "language_model": len(weights.language_model),
            "audio": len(weights.audio),
            "left_out": weights.left_out,
        }
        write_manifest(folder, source, tensors)

    return build


def _copy_language_files(checkpoint: Checkpoint, folder: Path) -> None:
    for path in _language_files(checkpoint):
        shutil.copyfile(path, folder / path.name)
    # vLLM ends a text at the tokens named here.
    generation = folder / GENERATION_CONFIG
    values = json.loads(generation.read_text("utf-8")) if generation.exists() else {}
    if values.get("eos_token_id") in (None, []):
        end = end_tokens(checkpoint.language_model)
        values["eos_token_id"] = end[0] if len(end) == 1 else list(end)
        generation.write_text(json.dumps(values, indent=2), "utf-8")


def _save(tensors: Tensors, path: Path) -> None:
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.torch import save_file  # noqa: PLC0415

    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise CheckpointError(f"{path.name} cannot be written: {error}") from error
    # It is for its owner's eyes otherwise, and workers may run as another user.
    path.chmod(path.parent.stat().st_mode & 0o666)
