"""Times of words, from the CTC branch of a checkpoint: forced alignment of text that is known already.

It fails closed: a checkpoint whose branch is not whole has no aligner, and a text whose words cannot all be
timed gets no times at all.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from funasr.models.fun_asr_nano.ctc import CTC
from funasr.models.llm_asr.adaptor import Transformer
from funasr.tokenizer.whisper_tokenizer import SenseVoiceTokenizer

from worker.engines.encoder_llm.timed_words import timed_words
from worker.engines.encoder_llm.viterbi import Emissions, LogProbs, align, has_room
from worker.engines.words import TimedWord

log = logging.getLogger(__name__)

Tensor = Any
Config = Mapping[str, Any]

# Bounds the memory of a step: with 60,515 labels it takes 60 MB for the logits and as much again.
_FRAMES_PER_STEP: Final = 256

_DECODER_PREFIX: Final = "ctc_decoder."
_HEAD_PREFIX: Final = "ctc."
_VOCABULARY_FILE: Final = "multilingual.tiktoken"
# What a checkpoint means that does not say it.
_DEFAULT_LABELS: Final = 60_515


class Refusal(StrEnum):
    """Why a text has no times."""

    UNKNOWN_TOKEN = "unknown_token"
    TOO_SHORT = "too_short"
    NOT_FINITE = "not_finite"


@dataclass(frozen=True, slots=True)
class _Tokens:
    ids: tuple[int, ...]
    pieces: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A text that may be aligned: its place in the batch, its frames and tokens."""

    place: int
    length: int
    tokens: _Tokens


class CtcAligner:
    """One owner at a time. What it holds on the device is used on the current stream."""

    def __init__(self, decoder: Any, head: Any, tokenizer: Any, blank_id: int, device: Any) -> None:
        """`decoder` and `head` in fp32 on `device`, `tokenizer` as in SenseVoice."""
        self.refused: Counter[Refusal] = Counter()
        self._decoder = decoder
        self._head = head
        self._tokenizer = tokenizer
        self._blank_id = blank_id
        self._device = device

    def align(
        self, encoder_out: Tensor, lengths: Sequence[int], texts: Sequence[str]
    ) -> list[tuple[TimedWord, ...] | None]:
        """Words of each text, in seconds from the begin of its audio; None where they cannot be timed.

        encoder_out: (batch, frames, size), one frame for each 60 ms, in any float type; lengths: how many of
        the frames are an item's own. An item's words do not depend on the others. Waits for the device.
        """
        wanted = self._wanted(lengths, texts)
        spans = align(self._emissions(encoder_out, wanted)) if wanted else []
        timed: list[tuple[TimedWord, ...] | None] = [None if text else () for text in texts]
        for item, item_spans in zip(wanted, spans, strict=True):
            if item_spans is None:
                self.refused[Refusal.NOT_FINITE] += 1
            else:
                timed[item.place] = timed_words(texts[item.place], item.tokens.pieces, item_spans)
        return timed

    def _wanted(self, lengths: Sequence[int], texts: Sequence[str]) -> list[_Wanted]:
        wanted: list[_Wanted] = []
        for place, (length, text) in enumerate(zip(map(int, lengths), texts, strict=True)):
            tokens = self._tokens(text) if text else None
            if tokens is not None and has_room(length, tokens.ids):
                wanted.append(_Wanted(place, length, tokens))
            elif text:
                self.refused[Refusal.UNKNOWN_TOKEN if tokens is None else Refusal.TOO_SHORT] += 1
        return wanted

    def _tokens(self, text: str) -> _Tokens | None:
        """None unless the tokens are known to the head and say the text byte for byte."""
        ids = self._tokenizer.encode(text)
        if not all(0 <= label < self._head.ctc_lo.out_features and label != self._blank_id for label in ids):
            return None
        pieces = self._tokenizer.encoding.decode_tokens_bytes(ids)
        if b"".join(pieces) != text.encode("utf-8", errors="surrogatepass"):
            return None
        return _Tokens(tuple(ids), tuple(pieces))

    def _emissions(self, encoder_out: Tensor, wanted: Sequence[_Wanted]) -> list[Emissions]:
        lengths = [item.length for item in wanted]
        with torch.inference_mode():
            frames = self._decoded(encoder_out, wanted)
            log_probs = self._log_probs(frames, self._columns(wanted))
        split = np.split(log_probs, np.cumsum(lengths)[:-1])
        return [
            Emissions(rows[:, : 1 + len(item.tokens.ids)], item.tokens.ids)
            for rows, item in zip(split, wanted, strict=True)
        ]

    def _decoded(self, encoder_out: Tensor, wanted: Sequence[_Wanted]) -> Tensor:
        """The decoder's frames of all items, one item behind the other, shape (all frames, size)."""
        lengths = [item.length for item in wanted]
        places = torch.tensor([item.place for item in wanted], device=self._device)
        chosen = encoder_out[:, : max(lengths)].index_select(0, places).float()
        decoded, _ = self._decoder(chosen, torch.tensor(lengths))
        return torch.cat([rows[:length] for rows, length in zip(decoded, lengths, strict=True)])

    def _columns(self, wanted: Sequence[_Wanted]) -> Tensor:
        """The labels to look up in each frame of each item, blank first, shape (all frames, 1 + labels)."""
        most = max(len(item.tokens.ids) for item in wanted)
        labels = torch.full((len(wanted), 1 + most), self._blank_id)
        for number, item in enumerate(wanted):
            labels[number, 1 : 1 + len(item.tokens.ids)] = torch.tensor(item.tokens.ids)
        lengths = torch.tensor([item.length for item in wanted])
        return labels.repeat_interleave(lengths, dim=0).to(self._device)

    def _log_probs(self, frames: Tensor, columns: Tensor) -> LogProbs:
        steps = zip(frames.split(_FRAMES_PER_STEP), columns.split(_FRAMES_PER_STEP), strict=True)
        looked_up = [self._head.log_softmax(rows[None])[0].gather(1, wanted) for rows, wanted in steps]
        log_probs: LogProbs = torch.cat(looked_up).cpu().numpy()
        return log_probs


class _NoAligner(Exception):
    """The checkpoint cannot tell times; the message says why."""


def load_aligner(
    checkpoint_config: Config, audio_tensors: Mapping[str, Tensor], folder: Path, device: Any
) -> CtcAligner | None:
    """None, with the reason in the log, for a checkpoint without a CTC branch that is whole.

    checkpoint_config: what config.yaml says; audio_tensors: the checkpoint's tensors without those of the
    language model; folder: where the checkpoint's files are.
    """
    try:
        return _aligner(checkpoint_config, audio_tensors, folder, device)
    except _NoAligner as reason:
        log.warning("checkpoint tells no word times", extra={"reason": str(reason)})
        return None


def _aligner(config: Config, tensors: Mapping[str, Tensor], folder: Path, device: Any) -> CtcAligner:
    decoder_config = _decoder_config(config)
    labels = int(config.get("ctc_vocab_size", _DEFAULT_LABELS))
    head_config = dict(config.get("ctc_conf") or {})
    blank_id = int(head_config.pop("blank_id", labels - 1))
    decoder = _filled(Transformer(**decoder_config), tensors, _DECODER_PREFIX)
    # The blocks of the decoder are as wide as its output.
    head = CTC(labels, decoder_config["llm_dim"], blank_id=blank_id, **head_config)
    head = _filled(head, tensors, _HEAD_PREFIX)
    return CtcAligner(decoder.to(device), head.to(device), _tokenizer(config, folder), blank_id, device)


def _decoder_config(config: Config) -> dict[str, Any]:
    name = config.get("ctc_decoder")
    if name is None:
        raise _NoAligner("no CTC branch in its config.yaml")
    if name != "Transformer":
        raise _NoAligner(f"unknown ctc_decoder {name!r}")
    decoder_config = {
        **(config.get("ctc_decoder_conf") or {}),
        "encoder_dim": config["audio_encoder_conf"]["output_size"],
    }
    if "llm_dim" not in decoder_config:
        raise _NoAligner("no ctc_decoder_conf.llm_dim")
    if decoder_config.get("downsample_rate") != 1:
        # The times of its frames would be others.
        raise _NoAligner("ctc_decoder_conf.downsample_rate is not 1")
    return decoder_config


def _filled(module: Any, tensors: Mapping[str, Tensor], prefix: str) -> Any:
    """The module with its weights from the checkpoint, in fp32, frozen."""
    expected = module.state_dict()
    lacking = [
        name
        for name, tensor in expected.items()
        if prefix + name not in tensors or tensors[prefix + name].shape != tensor.shape
    ]
    if lacking:
        raise _NoAligner(
            f"{len(lacking)} of {len(expected)} tensors {prefix}* are missing or of another shape, "
            f"{prefix}{lacking[0]} first"
        )
    module.load_state_dict({name: tensors[prefix + name] for name in expected})
    return module.float().eval().requires_grad_(False)


def _tokenizer(config: Config, folder: Path) -> Any:
    source = config if "ctc_tokenizer" in config else config.get("dataset_conf") or {}
    name = source.get("ctc_tokenizer")
    if name != "SenseVoiceTokenizer":
        raise _NoAligner(f"unknown ctc_tokenizer {name!r}")
    options = dict(source.get("ctc_tokenizer_conf") or {})
    named = folder / (options.pop("vocab_path", None) or _VOCABULARY_FILE)
    found = next((path for path in (folder / _VOCABULARY_FILE, named) if path.is_file()), None)
    if found is None:
        raise _NoAligner(f"no {_VOCABULARY_FILE} beside it")
    return SenseVoiceTokenizer(vocab_path=str(found), **options)
