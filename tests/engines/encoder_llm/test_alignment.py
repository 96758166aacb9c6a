"""Times of words from a small random CTC branch, beside what FunASR makes of the same frames."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from funasr.models.fun_asr_nano import inference_vllm
from funasr.models.fun_asr_nano.ctc import CTC
from funasr.models.fun_asr_nano.tools import utils
from funasr.models.llm_asr.adaptor import Transformer

from worker.engines.encoder_llm.alignment import CtcAligner, Refusal, load_aligner
from worker.engines.encoder_llm.timed_words import FRAME_S
from worker.engines.encoder_llm.viterbi import Emissions, align
from worker.engines.words import TimedWord

# funasr's reader of the vocabulary leaves the file to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)

SIZE = 16
LABELS = 2_200
Tensors = dict[str, Any]


def config(**changes: Any) -> dict[str, Any]:
    decoder = {"downsample_rate": 1, "ffn_dim": 32, "llm_dim": SIZE, "n_layer": 2, "attention_heads": 2}
    return {
        "audio_encoder_conf": {"output_size": SIZE},
        "ctc_decoder": "Transformer",
        "ctc_decoder_conf": {**decoder, "encoder_dim": SIZE, "freeze": False},
        "ctc_vocab_size": LABELS,
        "ctc_conf": {"dropout_rate": 0.0, "reduce": True},
        "dataset_conf": {
            "ctc_tokenizer": "SenseVoiceTokenizer",
            "ctc_tokenizer_conf": {
                "vocab_path": "multilingual.tiktoken",
                "is_multilingual": True,
                "num_languages": 8749,
            },
        },
        **changes,
    }


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    torch.manual_seed(7)
    decoder = Transformer(**config()["ctc_decoder_conf"])
    head = CTC(LABELS, SIZE)
    # Random weights of the usual size say nearly the same of every label; these have an opinion.
    head.ctc_lo.weight.data *= 8
    return {
        **{f"ctc_decoder.{name}": tensor for name, tensor in decoder.state_dict().items()},
        **{f"ctc.{name}": tensor for name, tensor in head.state_dict().items()},
        "audio_encoder.other": torch.zeros(1),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary of single bytes and a few pairs, one of them across two characters."""
    made = tmp_path_factory.mktemp("checkpoint")
    pairs = [b" t", b"er", "你".encode()[1:], "好".encode()[:2], "你好".encode()]
    tokens = [bytes([byte]) for byte in range(256)] + pairs
    lines = [f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens)]
    (made / "multilingual.tiktoken").write_text("".join(lines))
    return made


@pytest.fixture
def aligner(tensors: Tensors, folder: Path) -> CtcAligner:
    loaded = load_aligner(config(), tensors, folder, torch.device("cpu"))
    assert loaded is not None
    return loaded


def frames(*lengths: int) -> Any:
    random = torch.Generator().manual_seed(sum(lengths))
    return torch.randn(len(lengths), max(lengths), SIZE, generator=random)


TEXTS = ["ever tried,", "你好吗？", "no matter.", "用vLLM做", "a"]
LENGTHS = [60, 41, 33, 50, 2]


def test_words_are_those_of_the_text_inside_the_audio(aligner: CtcAligner) -> None:
    for text, length, words in zip(
        TEXTS, LENGTHS, aligner.align(frames(*LENGTHS), LENGTHS, TEXTS), strict=True
    ):
        assert words
        assert "".join(word.text for word in words) == text.replace(" ", "")
        times = [round(time / FRAME_S) for word in words for time in (word.start_s, word.end_s)]
        assert times == sorted(times) and times[0] >= 0 and times[-1] <= length
        assert all(word.start_s < word.end_s and 0 < word.score <= 1 for word in words)
    assert not aligner.refused


def places(words: tuple[TimedWord, ...] | None) -> list[tuple[str, float, float]]:
    assert words is not None
    return [(word.text, word.start_s, word.end_s) for word in words]


def test_an_item_has_the_same_times_alone_and_in_any_company(aligner: CtcAligner) -> None:
    heard = frames(*LENGTHS)
    together = aligner.align(heard, LENGTHS, TEXTS)
    order = [3, 0, 4, 2, 1]
    mixed = aligner.align(heard[order], [LENGTHS[i] for i in order], [TEXTS[i] for i in order])
    for number, (length, text) in enumerate(zip(LENGTHS, TEXTS, strict=True)):
        [alone] = aligner.align(heard[number : number + 1, :length], [length], [text])
        assert places(alone) == places(together[number]) == places(mixed[order.index(number)])
        assert [word.score for word in alone or ()] == pytest.approx(
            [w.score for w in together[number] or ()], rel=1e-4
        )


def test_frames_of_another_float_type_are_taken(aligner: CtcAligner) -> None:
    half = frames(30).to(torch.bfloat16)
    assert aligner.align(half, [30], ["ever"]) == aligner.align(half.float(), [30], ["ever"])


# --- beside FunASR ---------------------------------------------------------------------------------


class _Viterbi:
    """Ours in the place of torchaudio's, which asks for a batch of one and gives a label for each frame."""

    @staticmethod
    def forced_align(log_probs: Any, targets: Any, blank: int) -> tuple[Any, Any]:
        labels = targets[0].tolist()
        [spans] = align([Emissions(log_probs[0][:, [blank, *labels]].numpy(), labels)])
        if spans is None:
            raise RuntimeError("targets length is too long for CTC")
        path = torch.full((log_probs.shape[1],), blank)
        for span, label in zip(spans, labels, strict=True):
            path[span.start : span.end] = label
        return path[None], log_probs[0].gather(1, path[:, None])[:, 0][None]


def funasr_times(aligner: CtcAligner, hidden: Any, text: str) -> list[dict[str, Any]]:
    engine = SimpleNamespace(
        ctc_decoder=aligner._decoder,
        ctc=aligner._head,
        ctc_tokenizer=aligner._tokenizer,
        blank_id=aligner._blank_id,
    )
    method: Callable[..., list[dict[str, Any]]] = inference_vllm.FunASRNanoVLLM._compute_timestamps
    return method(engine, hidden, torch.tensor([hidden.shape[1]]), text)


@pytest.mark.parametrize(("text", "length"), list(zip(TEXTS, LENGTHS, strict=True)))
def test_tokens_have_the_frames_and_scores_that_funasr_gives_them(
    aligner: CtcAligner, text: str, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utils, "require_torchaudio", lambda _: SimpleNamespace(functional=_Viterbi))
    hidden = frames(length)
    theirs = funasr_times(aligner, hidden, text)
    [wanted] = aligner._wanted([length], [text])
    [spans] = align(aligner._emissions(hidden, [wanted]))
    assert spans is not None
    assert [(item["start_time"], item["end_time"]) for item in theirs] == [
        (pytest.approx(span.start * FRAME_S), pytest.approx(span.end * FRAME_S)) for span in spans
    ]
    assert [item["score"] for item in theirs] == pytest.approx([span.score for span in spans], abs=1e-3)


def test_a_word_lasts_from_its_first_to_its_last_token_as_funasr_times_them(
    aligner: CtcAligner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utils, "require_torchaudio", lambda _: SimpleNamespace(functional=_Viterbi))
    hidden = frames(60)
    theirs = funasr_times(aligner, hidden, "ever tried,")
    assert [item["token"] for item in theirs] == ["e", "v", "er", " t", "r", "i", "e", "d", ","]
    ever, tried = places(aligner.align(hidden, [60], ["ever tried,"])[0])
    assert (ever[0], tried[0]) == ("ever", "tried,")
    assert ever[1:] == pytest.approx((theirs[0]["start_time"], theirs[2]["end_time"]))
    assert tried[1:] == pytest.approx((theirs[3]["start_time"], theirs[7]["end_time"]))


# --- no times rather than false ones -----------------------------------------------------------------


def refused(aligner: CtcAligner, hidden: Any, lengths: list[int], texts: list[str]) -> Refusal:
    """Why the first text has no times; the second one has them."""
    first, second = aligner.align(hidden, lengths, texts)
    assert first is None and second
    [reason] = aligner.refused.elements()
    return reason


def test_a_text_too_long_for_its_frames_has_no_times(aligner: CtcAligner) -> None:
    assert refused(aligner, frames(3, 9), [3, 9], ["vwxy", "ever"]) is Refusal.TOO_SHORT


def test_equal_letters_need_a_frame_between_them(aligner: CtcAligner) -> None:
    assert refused(aligner, frames(2, 3), [2, 3], ["oo", "oo"]) is Refusal.TOO_SHORT


def test_a_text_that_the_tokens_do_not_say_has_no_times(aligner: CtcAligner) -> None:
    assert refused(aligner, frames(9, 9), [9, 9], ["\ud800", "ever"]) is Refusal.UNKNOWN_TOKEN


@pytest.mark.parametrize("blank", [ord("e"), LABELS - 1])
def test_a_token_beyond_the_head_or_the_blank_itself_has_no_times(
    aligner: CtcAligner, tensors: Tensors, folder: Path, blank: int
) -> None:
    labels = LABELS if blank == ord("e") else ord("u")
    conf = {"blank_id": blank} if blank == ord("e") else {}
    cut = {name: tensor[:labels] if name.startswith("ctc.") else tensor for name, tensor in tensors.items()}
    strange = load_aligner(config(ctc_vocab_size=labels, ctc_conf=conf), cut, folder, torch.device("cpu"))
    assert strange is not None
    assert refused(strange, frames(9, 9), [9, 9], ["ever", "a"]) is Refusal.UNKNOWN_TOKEN


def test_frames_that_are_no_numbers_have_no_times_and_spoil_no_others(aligner: CtcAligner) -> None:
    hidden = frames(20, 20)
    hidden[0, 4] = float("nan")
    assert refused(aligner, hidden, [20, 20], ["ever", "tried"]) is Refusal.NOT_FINITE


def test_no_text_has_no_words(aligner: CtcAligner) -> None:
    assert aligner.align(frames(9, 9), [9, 0], ["", ""]) == [(), ()]
    assert not aligner.refused


# --- checkpoints without a whole branch --------------------------------------------------------------


def reason(caplog: pytest.LogCaptureFixture) -> str:
    [record] = caplog.records
    return str(record.__dict__["reason"])


@pytest.mark.parametrize("prefix", ["ctc_decoder.", "ctc.", "ctc"])
def test_a_checkpoint_that_lacks_weights_tells_no_times(
    tensors: Tensors, folder: Path, caplog: pytest.LogCaptureFixture, prefix: str
) -> None:
    lacking = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    assert load_aligner(config(), lacking, folder, torch.device("cpu")) is None
    assert "are missing" in reason(caplog)


def test_one_tensor_is_enough_to_miss(
    tensors: Tensors, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lacking = {**tensors, "ctc.ctc_lo.bias": torch.zeros(LABELS - 1)}
    assert load_aligner(config(), lacking, folder, torch.device("cpu")) is None
    assert reason(caplog) == "1 of 2 tensors ctc.* are missing or of another shape, ctc.ctc_lo.bias first"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ctc_decoder": None}, "no CTC branch in its config.yaml"),
        ({"ctc_decoder": "Linear"}, "unknown ctc_decoder 'Linear'"),
        ({"ctc_decoder_conf": {"downsample_rate": 1}}, "no ctc_decoder_conf.llm_dim"),
        ({"ctc_decoder_conf": {"llm_dim": SIZE}}, "ctc_decoder_conf.downsample_rate is not 1"),
        ({"dataset_conf": {}}, "unknown ctc_tokenizer None"),
    ],
)
def test_a_branch_of_another_kind_tells_no_times(
    tensors: Tensors, folder: Path, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], why: str
) -> None:
    assert load_aligner(config(**changes), tensors, folder, torch.device("cpu")) is None
    assert reason(caplog) == why


def test_a_checkpoint_without_its_vocabulary_tells_no_times(
    tensors: Tensors, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_aligner(config(), tensors, tmp_path, torch.device("cpu")) is None
    assert reason(caplog) == "no multilingual.tiktoken beside it"


def test_the_vocabulary_may_have_the_name_that_the_config_gives(
    tensors: Tensors, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.tiktoken").write_bytes((folder / "multilingual.tiktoken").read_bytes())
    tokenizer = {
        "ctc_tokenizer": "SenseVoiceTokenizer",
        "ctc_tokenizer_conf": {"vocab_path": "other.tiktoken"},
    }
    named = load_aligner(config(**tokenizer), tensors, tmp_path, torch.device("cpu"))
    assert named is not None
    assert len(places(named.align(frames(9), [9], ["ever"])[0])) == 1
