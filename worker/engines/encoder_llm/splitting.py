"""The tensors of a checkpoint, sorted into those of the language model and those of the audio parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from worker.engines.encoder_llm.checkpoint import CheckpointError

_LANGUAGE_PREFIX: Final = "llm."
_NEEDED_AUDIO: Final = ("audio_encoder.", "audio_adaptor.")
# Published with ModelScope's checkpoint only: without it there are no word times, and the rest works.
_OPTIONAL_AUDIO: Final = ("ctc_decoder.", "ctc.")
_AUDIO_PREFIXES: Final = _NEEDED_AUDIO + _OPTIONAL_AUDIO
_WRAPPERS: Final = ("state_dict", "model_state_dict", "model")
# Left in front of every name by a model that was trained on several cards.
_PARALLEL_PREFIX: Final = "module."
_EMBEDDING: Final = "model.embed_tokens.weight"
_HEAD: Final = "lm_head.weight"

Tensors = dict[str, Any]
"""Name to torch tensor, each contiguous and with memory of its own."""


@dataclass(frozen=True, slots=True)
class SplitWeights:
    """Tensors as stored: names of the language model without `llm.`, those of the audio parts whole.

    left_out: tensors that belong to neither.
    """

    language_model: Tensors
    audio: Tensors
    left_out: int


def split_weights(weights: Path, language_config: Mapping[str, Any]) -> SplitWeights:
    """Reads the file page by page as tensors are used. Raises `CheckpointError`."""
    state = _unwrapped(_load(weights), weights)
    missing = [
        prefix
        for prefix in (_LANGUAGE_PREFIX, *_NEEDED_AUDIO)
        if not any(name.startswith(prefix) for name in state)
    ]
    if missing:
        raise CheckpointError(f"{weights} has no weights of {', '.join(missing)}")
    language_model = {
        name.removeprefix(_LANGUAGE_PREFIX): value
        for name, value in state.items()
        if name.startswith(_LANGUAGE_PREFIX)
    }
    audio = {name: value for name, value in state.items() if name.startswith(_AUDIO_PREFIXES)}
    language_model = _with_right_head(language_model, language_config, weights)
    return SplitWeights(
        _with_own_memory(language_model),
        _with_own_memory(audio),
        sum(not name.startswith((_LANGUAGE_PREFIX, *_AUDIO_PREFIXES)) for name in state),
    )


def _load(weights: Path) -> Any:
    import torch  # noqa: PLC0415

    try:
        return torch.load(weights, map_location="cpu", weights_only=True, mmap=True)
    except OSError as error:
        raise CheckpointError(f"{weights} cannot be read: {error.strerror or error}") from error
    # Broad, as a damaged file makes the reader stumble over anything.
    except Exception as error:
        raise CheckpointError(
            f"{weights} cannot be read: it is damaged, or it holds more than weights"
        ) from error


def _unwrapped(loaded: Any, weights: Path) -> Tensors:
    import torch  # noqa: PLC0415

    state = loaded
    while isinstance(state, Mapping):
        inner = next((state[name] for name in _WRAPPERS if isinstance(state.get(name), Mapping)), None)
        if inner is None:
            break
        state = inner
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise CheckpointError(f"{weights} holds no weights by name")
    return {
        name.removeprefix(_PARALLEL_PREFIX): value
        for name, value in state.items()
        if isinstance(value, torch.Tensor)
    }


def _with_right_head(tensors: Tensors, config: Mapping[str, Any], weights: Path) -> Tensors:
    """Without the output layer where the config ties it to the embedding: it is the same tensor then."""
    import torch  # noqa: PLC0415

    tied = config.get("tie_word_embeddings", False)
    embedding, head = tensors.get(_EMBEDDING), tensors.get(_HEAD)
    if embedding is None:
        raise CheckpointError(f"{weights} has no weights of {_LANGUAGE_PREFIX}{_EMBEDDING}")
    if head is None and not tied:
        raise CheckpointError(f"{weights} has no weights of {_LANGUAGE_PREFIX}{_HEAD}")
    if head is None or not tied:
        return tensors
    # Whoever loads it would silently use one of the two.
    if not torch.equal(head, embedding):
        raise CheckpointError(
            f"{weights} has an output layer of its own, but the language model's config.json ties it to the "
            "embedding"
        )
    return {name: tensor for name, tensor in tensors.items() if name != _HEAD}


def _with_own_memory(tensors: Tensors) -> Tensors:
    """safetensors refuses tensors that share memory: all but the first of those are copied."""
    own: Tensors = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage().data_ptr()
        own[name] = tensor.clone() if storage in seen else tensor.contiguous()
        seen.add(storage)
    return own
