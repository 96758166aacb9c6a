"""The text around the audio: the reference's, token for token, and never more than the model takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from funasr.models.fun_asr_nano.inference_vllm import FunASRNanoVLLM
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoTokenizer

from worker.engines.encoder_llm.families import fun_asr_nano as family
from worker.engines.encoder_llm.prompts import KEPT_TOKENS, PromptBook

AUDIO = np.arange(5 * 64, dtype=np.float32).reshape(5, 64)

words = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="[]<>|"), min_size=1, max_size=64
)
languages = st.sampled_from([None, "zh", "en", "JA", "ko", "粤语", "Chinese (Cantonese)", "english"])


def reference_prompt(hotwords: list[str], language: str | None, itn: bool) -> str:
    # Needs nothing of the engine it is a method of.
    build: Any = FunASRNanoVLLM._build_prompt_text
    instruction = build(None, hotwords, language, itn)
    return f"<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n{instruction}"


@given(st.lists(words, max_size=12), languages, st.booleans())
def test_text_of_the_prompt_is_the_references(hotwords: list[str], language: str | None, itn: bool) -> None:
    assert family.prompt_before_audio(language, hotwords, itn=itn) == reference_prompt(
        hotwords, language, itn
    )


@given(st.lists(words, max_size=3), st.booleans())
def test_auto_is_the_references_none(hotwords: list[str], itn: bool) -> None:
    assert family.prompt_before_audio("auto", hotwords, itn=itn) == reference_prompt(hotwords, None, itn)


@pytest.fixture(scope="module")
def folder(counting_model: Path) -> Path:
    return counting_model / "voxshard" / "language_model"


def book(folder: Path, most_tokens: int = 1_600) -> PromptBook:
    return PromptBook(folder, torch.float32, most_tokens=most_tokens)


def test_the_prompt_is_text_audio_text_and_what_was_said(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    table = load_file(folder / _weights_file(folder))["model.embed_tokens.weight"]
    before = tokenizer.encode(reference_prompt(["Voxshard"], "zh", True), add_special_tokens=False)
    after = tokenizer.encode("<|im_end|>\n<|im_start|>assistant\n", add_special_tokens=False)
    prompt = book(folder).around(AUDIO, "zh", ("Voxshard",), said=(300, 301))
    assert torch.equal(
        prompt, torch.cat([table[before], torch.from_numpy(AUDIO), table[after], table[[300, 301]]])
    )


def test_prompts_are_kept_but_not_shared(folder: Path) -> None:
    prompts = book(folder)
    first = prompts.around(AUDIO, None, ("a",))
    first.zero_()
    assert not torch.equal(prompts.around(AUDIO, None, ("a",)), first)
    assert not torch.equal(prompts.around(AUDIO, None, ("a",)), prompts.around(AUDIO, None, ("b",)))
    assert len(prompts.around(AUDIO, None, ("a",))) < len(prompts.around(AUDIO, "zh", ("a",)))


@pytest.mark.parametrize(("combinations", "words_each"), [(1_300, 1), (60, 200)])
def test_what_is_kept_is_bounded_however_long_it_is(folder: Path, combinations: int, words_each: int) -> None:
    prompts = book(folder)
    for number in range(combinations):
        prompts.around(AUDIO, None, tuple(f"word {number} {other}" for other in range(words_each)))
    kept = sum(map(len, prompts._before.values()))
    assert KEPT_TOKENS - 1_600 < kept <= KEPT_TOKENS
    assert next(reversed(prompts._before))[1][0] == f"word {combinations - 1} 0"


@given(st.lists(words, max_size=120), languages, st.integers(120, 2_000))
def test_a_prompt_never_takes_more_than_its_room(
    folder: Path, hotwords: list[str], language: str | None, room: int
) -> None:
    prompts = book(folder, most_tokens=room)
    assert len(prompts._fitting(language, family.safe_hotwords(hotwords))) <= room


def test_the_first_hotwords_are_those_that_stay(folder: Path) -> None:
    hotwords = [f"word number {number}" for number in range(100)]
    prompts = book(folder, most_tokens=800)
    tokens = prompts._fitting(None, hotwords)
    text = prompts.text(tokens)
    kept = text[text.index("[") + 1 : text.index("]")].split(", ")
    assert kept == hotwords[: len(kept)]
    assert 10 < len(kept) < 100
    assert len(tokens) > 600


def _weights_file(folder: Path) -> str:
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return "model.safetensors"
    return str(json.loads(index.read_text())["weight_map"]["model.embed_tokens.weight"])
