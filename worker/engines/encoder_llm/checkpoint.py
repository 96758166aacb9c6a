"""A Fun-ASR-Nano checkpoint as it is published: which files it has, and where they lie.

Nothing here loads weights. No code and no requirements file of a model folder is ever run or installed.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

log = logging.getLogger(__name__)

MODEL_CLASS: Final = "FunASRNano"
# FunASR finds the language model by this name whatever config.yaml says.
LANGUAGE_MODEL_NAME: Final = "Qwen3-0.6B"
GENERATION_CONFIG: Final = "generation_config.json"

_NEEDED: Final = ("config.yaml", "configuration.json", "model.pt", f"{LANGUAGE_MODEL_NAME}/config.json")
_TOKENIZERS: Final = (("tokenizer.json",), ("vocab.json", "merges.txt"))
_CTC_VOCABULARY: Final = "multilingual.tiktoken"
HUB_ID: Final = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_HUBS: Final = {"ms": ("ModelScope", "modelscope"), "hf": ("Hugging Face", "huggingface_hub")}
_REFERENCE: Final = re.compile(r"\$\{([\w.]+)\}")


class CheckpointError(Exception):
    """The model cannot be used as it is; the message is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All paths exist and are absolute. `config` is config.yaml.

    language_model:  folder of the language model's config and tokenizer; its weights are in `weights`.
    weights:         all weights of all parts in one file.
    cmvn:            mean and variance of the features, if the checkpoint normalises them.
    ctc_vocabulary:  tokens of the CTC head, if the checkpoint has one.
    """

    folder: Path
    config: Mapping[str, Any]
    language_model: Path
    weights: Path
    cmvn: Path | None
    ctc_vocabulary: Path | None


def open_checkpoint(folder: Path) -> Checkpoint:
    """Raises `CheckpointError` if a file is missing or cannot be read."""
    folder = folder.absolute()
    if not folder.is_dir():
        raise CheckpointError(f"there is no model folder {folder}")
    _check_files(folder)
    config = _read_config(folder / "config.yaml")
    metas = _read_json(folder / "configuration.json").get("file_path_metas", {})
    language_model = folder / LANGUAGE_MODEL_NAME
    end_tokens(language_model)
    return Checkpoint(
        folder=folder,
        config=config,
        language_model=language_model,
        weights=folder / "model.pt",
        cmvn=_named_file(folder, config, metas, "frontend_conf.cmvn_file"),
        ctc_vocabulary=_ctc_vocabulary(folder, config, metas) if config.get("ctc_decoder") else None,
    )


def end_tokens(language_model: Path) -> tuple[int, ...]:
    """Ids of the tokens that end a text, of generation_config.json or else of config.json."""
    for path in (language_model / GENERATION_CONFIG, language_model / "config.json"):
        found = _read_json(path).get("eos_token_id") if path.exists() else None
        ids = found if isinstance(found, list) else [found]
        # Token 0 is a token, False is none.
        if ids and all(type(token) is int for token in ids):
            return tuple(ids)
    raise CheckpointError(
        f"neither {GENERATION_CONFIG} nor config.json in {language_model} has an eos_token_id, "
        "so no text would ever end"
    )


def read_language_config(language_model: Path) -> Mapping[str, Any]:
    return _read_json(language_model / "config.json")


def resolve_model(model: str, hub: str) -> Path:
    """The absolute folder of `model`: a folder, or else an id at `hub` (ms, hf), which is fetched if need be.

    Raises `CheckpointError`.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder.absolute()
    if not HUB_ID.fullmatch(model):
        raise CheckpointError(f"there is no model folder {model}, and an id at a hub looks like OWNER/NAME")
    return _fetch(model, hub)


def _fetch(model: str, hub: str) -> Path:
    title, package = _HUBS[hub]
    try:
        snapshot_download = importlib.import_module(package).snapshot_download
    except ImportError as error:
        raise CheckpointError(
            f"there is no model folder {model}, and to fetch it from {title} the package {package} is missing"
        ) from error
    # Broad, as the hub clients let through whatever their HTTP libraries raise.
    try:
        return Path(snapshot_download(model))
    except Exception as error:
        kept = _kept_copy(snapshot_download, model)
        if kept is None:
            raise CheckpointError(
                f"there is no model folder {model}, and {title} does not give it: {_first_line(error)}"
            ) from error
        log.warning("the hub does not answer; the copy fetched earlier is used", extra={"model": model})
        return kept


def _kept_copy(snapshot_download: Any, model: str) -> Path | None:
    """What was fetched earlier: a machine that lost its network can still start again."""
    try:
        folder = Path(snapshot_download(model, local_files_only=True))
    except Exception:
        return None
    return folder if (folder / "config.yaml").exists() else None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _check_files(folder: Path) -> None:
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    language_model = folder / LANGUAGE_MODEL_NAME
    if not any(all((language_model / name).is_file() for name in names) for names in _TOKENIZERS):
        missing.append(f"{LANGUAGE_MODEL_NAME}/tokenizer.json")
    if missing:
        raise CheckpointError(f"{folder} is no whole checkpoint: {', '.join(missing)} missing")


def _ctc_vocabulary(folder: Path, config: Mapping[str, Any], metas: Mapping[str, Any]) -> Path:
    named = _named_file(folder, config, metas, "dataset_conf.ctc_tokenizer_conf.vocab_path")
    path = named or folder / _CTC_VOCABULARY
    if not path.is_file():
        raise CheckpointError(f"{folder} is no whole checkpoint: {_CTC_VOCABULARY} missing")
    return path


def _named_file(folder: Path, config: Mapping[str, Any], metas: Mapping[str, Any], key: str) -> Path | None:
    """The file that `key` names in configuration.json or else in config.yaml; None if neither names one.

    A file that nobody names is not taken, whatever it is called: FunASR would not take it either.
    """
    name = _look_up(metas, key) or _look_up(config, key)
    if name is None:
        return None
    path = folder / str(name)
    if not path.is_file():
        raise CheckpointError(f"{folder} is no whole checkpoint: {name} missing, which is its {key}")
    return path


def _look_up(tree: Any, key: str) -> Any:
    for name in key.split("."):
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        read = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {_first_line(error)}") from error
    if not isinstance(read, dict):
        raise CheckpointError(f"{path} is no JSON object")
    return read


def _read_config(path: Path) -> Mapping[str, Any]:
    try:
        read = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path} cannot be read: {_first_line(error)}") from error
    if not isinstance(read, dict) or read.get("model") != MODEL_CLASS:
        raise CheckpointError(f"{path} does not describe a {MODEL_CLASS} model")
    config: dict[str, Any] = _resolved(read, read)
    return config


def _resolved(node: Any, root: Mapping[str, Any], depth: int = 0) -> Any:
    """`node` with values such as ${ctc_tokenizer_conf} replaced by what they refer to in `root`."""
    if depth > 32:
        raise CheckpointError("config.yaml refers to itself in a circle")
    if isinstance(node, dict):
        return {key: _resolved(value, root, depth + 1) for key, value in node.items()}
    if isinstance(node, list):
        return [_resolved(value, root, depth + 1) for value in node]
    reference = _REFERENCE.fullmatch(node) if isinstance(node, str) else None
    return node if reference is None else _resolved(_look_up(root, reference[1]), root, depth + 1)
