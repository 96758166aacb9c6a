"""The words that a built checkpoint says, and the tokenizer files that know them.

A word is one token: a space, one of eight first and one of twelve second syllables (" zuba"). Prompts and
hotwords in any language hardly ever hold one, so text in a prompt and text that was said stay apart, yet a
hypothesis encodes to the very ids it was decoded from.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

FIRST: Final = ("zu", "vo", "xi", "jy", "ky", "wo", "qa", "zy")
SECOND: Final = ("ba", "de", "fi", "go", "hu", "ka", "lo", "mi", "nu", "pe", "ri", "ta")
END_OF_SPEECH: Final = "<|im_end|>"
TURN: Final = "<|im_start|>"
PADDING: Final = "<|endoftext|>"
_SPACE: Final = "Ġ"
"""How byte-level tokenizers write a space."""
_BYTES: Final = 256
_PIECES: Final = len(FIRST) + len(SECOND) + len(FIRST)
WORD_IDS: Final = range(_BYTES + _PIECES, _BYTES + _PIECES + len(FIRST) * len(SECOND))
"""Token ids of the words: the second syllable counts fastest."""
END_ID: Final = WORD_IDS.stop
PADDING_ID: Final = END_ID + 1
TURN_ID: Final = END_ID + 2


def _merges() -> list[tuple[str, str]]:
    """In order of rank: syllables, syllables behind a space, words."""
    syllables = [(syllable[0], syllable[1]) for syllable in FIRST + SECOND]
    openings = [(_SPACE, first) for first in FIRST]
    words = [(_SPACE + first, second) for first in FIRST for second in SECOND]
    return syllables + openings + words


def write_language_tokenizer(folder: Path) -> None:
    """Bytes, syllables, words and the three special tokens, in Hugging Face's files."""
    merges = _merges()
    tokens = sorted(pre_tokenizers.ByteLevel.alphabet()) + [left + right for left, right in merges]
    tokenizer = Tokenizer(models.BPE(vocab={token: at for at, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END_OF_SPEECH, PADDING, TURN])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_SPEECH,
        pad_token=PADDING,
        additional_special_tokens=[TURN],
    ).save_pretrained(folder)


def write_ctc_tokenizer(path: Path) -> None:
    """A tiktoken file of the same pieces; without the words there were more CTC tokens than frames."""
    pieces = [bytes([value]) for value in range(_BYTES)]
    pieces += [(left + right).replace(_SPACE, " ").encode() for left, right in _merges()]
    lines = (f"{base64.b64encode(piece).decode()} {rank}\n" for rank, piece in enumerate(pieces))
    path.write_text("".join(lines), encoding="ascii")
