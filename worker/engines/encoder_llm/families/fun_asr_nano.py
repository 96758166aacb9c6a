"""Fun-ASR-Nano: SenseVoice encoder, Transformer adaptor, Qwen3 0.6B.

Prompt, token count and text are those of FunASR's PyTorch path (`generate()` of its vLLM engine is the same);
two other prompt variants that FunASR ships are not what the model was trained on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

MAX_SEGMENT_MS: Final = 30_000
"""It degrades on longer audio."""
SAMPLES_AT_LEAST: Final = 2
"""A frame of one sample ends the process, in the library that computes features."""
FRAMES_STACKED: Final = 7
FRAMES_SKIPPED: Final = 6

MAX_IN_FLIGHT: Final = 128
"""More would only make each of them slower: a step of the language model takes as long as its batch."""

# More than anybody says in a second, in any language; a model that runs on is stopped here.
TOKENS_PER_SECOND: Final = 12
TOKENS_AT_LEAST: Final = 16

TOKENS_BESIDE_HOTWORDS: Final = 63 + 16 + TOKENS_AT_LEAST + MAX_SEGMENT_MS // 1000 * TOKENS_PER_SECOND
"""Of the longest segment: its audio, what follows the audio, and its text."""

MODEL_LEN_AT_LEAST: Final = TOKENS_BESIDE_HOTWORDS + 128
"""With room for the instruction and a few hotwords."""

_LANGUAGES: Final = {"zh": "中文", "en": "英文", "ja": "日文", "ko": "韩文"}
# Names that mean "find out yourself"; in the prompt they would be taken for a language.
_ANY_LANGUAGE: Final = frozenset({"", "auto"})
_WITH_HOTWORDS: Final = (
    "请结合上下文信息，更加准确地完成语音转写任务。如果没有相关信息，我们会留空。\n\n\n"
    "**上下文信息：**\n\n\n热词列表：[{words}]\n"
)
_BEFORE_AUDIO: Final = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n{instruction}："
)
AFTER_AUDIO: Final = "<|im_end|>\n<|im_start|>assistant\n"

# Beyond this a list costs more recognition than it brings, and the prompt must fit.
MAX_HOTWORDS: Final = 100
MAX_HOTWORD_CHARACTERS: Final = 64
# What would end the list, the turn or the instruction.
_UNSAFE: Final = re.compile(r"<\|[^|>]*\|>|[\[\]\r\n\t]")

# What the model writes although nobody said it: special tokens, its word for silence, its filler.
_ARTEFACTS: Final = re.compile(r"<\|[^|>]*\|>|endofpatch|/sil|FFFF|</strong>")
_BLANKS: Final = re.compile(r"\s+")


def prompt_before_audio(language: str | None, hotwords: Sequence[str], *, itn: bool = True) -> str:
    """Text in front of the audio. A list that is too long is cut, words that could break out are mended."""
    words = safe_hotwords(hotwords)
    instruction = _WITH_HOTWORDS.format(words=", ".join(words)) if words else ""
    name = language_name(language)
    instruction += "语音转写" if name is None else f"语音转写成{name}"
    if not itn:
        instruction += "，不进行文本规整"
    return _BEFORE_AUDIO.format(instruction=instruction)


def language_name(language: str | None) -> str | None:
    """As the prompt calls it; None to let the model find out."""
    key = (language or "").strip().lower()
    if key in _ANY_LANGUAGE:
        return None
    assert language is not None
    # A blank for each, as for hotwords: what is left must not make a mark of the two halves around it.
    return _LANGUAGES.get(key) or _UNSAFE.sub(" ", language).strip() or None


def safe_hotwords(hotwords: Sequence[str]) -> list[str]:
    mended = (_UNSAFE.sub(" ", word).strip()[:MAX_HOTWORD_CHARACTERS].strip() for word in hotwords)
    return [word for word in mended if word][:MAX_HOTWORDS]


def low_rate_frames(frames: int) -> int:
    """60-ms frames, which the encoder takes, of so many 10-ms frames."""
    return -(-frames // FRAMES_SKIPPED)


def audio_tokens(low_rate: int) -> int:
    """Vectors that so many 60-ms frames give the language model, one for about 480 ms."""
    halved = 1 + (low_rate - 3 + 2) // 2
    quartered = 1 + (halved - 3 + 2) // 2
    return (quartered - 1) // 2 + 1


def text_tokens_at_most(samples: int, sample_rate: int) -> int:
    return TOKENS_AT_LEAST + -(-samples * TOKENS_PER_SECOND // sample_rate)


def cleaned(text: str) -> str:
    """Without the model's artefacts. Brackets and quotes that were said stay, unlike in the reference, which
    removes every `<...>`, every `[...]` and whatever is in front of the first letter."""
    return _BLANKS.sub(" ", _ARTEFACTS.sub("", text)).strip()
