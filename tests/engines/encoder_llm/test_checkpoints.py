"""The built checkpoints: FunASR's own loaders take them, and the text is as long as the audio asks for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import funasr
import numpy as np
import pytest
import torch
from funasr.models.fun_asr_nano.inference_vllm import FunASRNanoVLLM

from bench.checkpoints import FULL, TINY, build_fsmn_vad, build_fun_asr_nano
from bench.checkpoints.layout import write_layout
from bench.checkpoints.weights import model_without_storage
from common.audio import SAMPLE_RATE, Samples

pytestmark = [pytest.mark.timeout(180), pytest.mark.filterwarnings("default")]

SECONDS = (2.0, 3.0, 5.0, 12.0, 30.0)
HOTWORDS = ["Voxshard", "张三", "流水线"]


def noise(seconds: float, seed: int = 0, amplitude: float = 0.1) -> Samples:
    count = int(seconds * SAMPLE_RATE)
    return (amplitude * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fun_asr_nano(tmp_path_factory.mktemp("nano"), TINY)


@pytest.fixture(scope="module")
def engine(checkpoint: Path) -> Any:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    return FunASRNanoVLLM(
        str(checkpoint),
        device="cpu",
        dtype="fp32",
        enforce_eager=True,
        vllm_kwargs={"max_num_seqs": 16, "disable_log_stats": True},
    )


def words(engine: Any, clips: list[Samples], **options: Any) -> list[list[str]]:
    return [result["text"].split() for result in engine.generate(clips, **options)]


@pytest.mark.parametrize("hotwords", [[], HOTWORDS])
def test_vllm_says_four_words_a_second(engine: Any, hotwords: list[str]) -> None:
    said = words(engine, [noise(seconds) for seconds in SECONDS], hotwords=hotwords)
    for seconds, text in zip(SECONDS, said, strict=True):
        assert len(text) == pytest.approx(4 * seconds, rel=0.15)


def test_short_audio_is_never_empty(engine: Any) -> None:
    assert all(words(engine, [noise(0.2), noise(0.5), np.zeros(8000, np.float32)]))


def test_the_words_depend_on_the_audio(engine: Any) -> None:
    said = words(engine, [noise(6.0, seed) for seed in range(4)])
    assert len({" ".join(text) for text in said}) > 1


def test_funasr_loads_it_and_says_the_same_as_vllm(checkpoint: Path, engine: Any) -> None:
    loaded = funasr.AutoModel(
        model=str(checkpoint), disable_update=True, device="cpu", disable_pbar=True, ctc_decoder=None
    )
    clip = noise(4.0)
    (result,) = loaded.generate(input=[torch.from_numpy(clip)], cache={}, batch_size=1)
    assert result["text"].split() == words(engine, [clip])[0]


def test_equal_seeds_give_equal_weights(checkpoint: Path, tmp_path: Path) -> None:
    again = build_fun_asr_nano(tmp_path, TINY)
    first, second = (torch.load(folder / "model.pt")["state_dict"] for folder in (checkpoint, again))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_full_size_is_the_published_one(tmp_path: Path) -> None:
    write_layout(tmp_path, FULL, ctc=True)
    shapes = model_without_storage(tmp_path, FULL, ctc=True).state_dict()
    assert shapes["llm.model.embed_tokens.weight"].shape == (151_936, 1024)
    assert shapes["llm.model.layers.27.self_attn.k_proj.weight"].shape == (1024, 1024)
    assert shapes["audio_encoder.encoders.48.feed_forward.w_1.weight"].shape == (2048, 512)
    assert shapes["audio_encoder.tp_encoders.19.feed_forward.w_1.weight"].shape == (2048, 512)
    assert shapes["audio_adaptor.linear2.weight"].shape == (1024, 2048)
    assert sum(name.startswith(("ctc.", "ctc_decoder.")) for name in shapes) == 86


def test_plain_weights_have_every_tensor(checkpoint: Path, tmp_path: Path) -> None:
    plain = torch.load(build_fun_asr_nano(tmp_path, TINY, tokens_per_second=None) / "model.pt")["state_dict"]
    assert plain.keys() == torch.load(checkpoint / "model.pt")["state_dict"].keys()


def test_too_few_words_a_second_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"at least 2\.1"):
        build_fun_asr_nano(tmp_path, TINY, tokens_per_second=1.0)


def test_the_vad_hears_energy(tmp_path: Path) -> None:
    vad = funasr.AutoModel(
        model=str(build_fsmn_vad(tmp_path)), disable_update=True, device="cpu", disable_pbar=True
    )
    audio = np.concatenate([noise(1, amplitude=1e-4), noise(2), noise(3, amplitude=1e-4)])
    (result,) = vad.generate(input=torch.from_numpy(audio))
    ((start_ms, end_ms),) = result["value"]
    assert 600 <= start_ms <= 1000
    assert 3000 <= end_ms <= 3400
