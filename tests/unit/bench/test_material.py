from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench import material
from bench.material import (
    JoinPlan,
    PauseRange,
    continuous_passage,
    file_passages,
    joined_passage,
    parts_alone,
    recorded_passages,
    spoken_passages,
)
from common.audio import SAMPLE_RATE, Samples, float_to_pcm16
from tests.support import speech

LENGTHS_S = {"short": 0.5, "middle": 0.9, "long": 1.6, "longer": 1.9}
TEXTS = tuple(LENGTHS_S)
PAUSES = PauseRange(0.4, 2.5)


@pytest.fixture(autouse=True)
def _tones_for_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """A steady tone for each text: lengths are known, nothing has to be synthesised."""
    monkeypatch.setattr(speech, "say", _tone)
    monkeypatch.setattr(material, "say", _tone)


def _tone(text: str, seed: int = 0) -> Samples:
    time_s = np.arange(round(LENGTHS_S[text] * SAMPLE_RATE)) / SAMPLE_RATE
    return np.sin(2 * np.pi * (400 + 100 * seed) * time_s).astype(np.float32)


def test_each_spoken_sentence_has_quiet_around_it() -> None:
    [first, _] = spoken_passages(["short", "long"])
    [span] = first.spans
    assert (span.start, span.end, first.length) == (4_800, 12_800, 17_600)
    assert span.text == "short"


def test_joined_passage_has_the_length_and_pauses_that_were_asked_for() -> None:
    joined = joined_passage(TEXTS, JoinPlan(60.0, PAUSES, seed=1))
    spans = joined.spans
    pauses_s = [(after.start - before.end) / SAMPLE_RATE for before, after in pairwise(spans)]
    assert 60.0 <= joined.length / SAMPLE_RATE <= 60.0 + 1.9 + 2.5
    assert min(pauses_s) >= 0.4
    assert max(pauses_s) <= 2.5
    assert max(pauses_s) - min(pauses_s) > 1.0


def test_joined_passage_depends_on_its_seed_alone() -> None:
    first, again, other = (joined_passage(TEXTS, JoinPlan(20.0, PAUSES, seed)).spans for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_no_sentence_comes_twice_before_each_came_once() -> None:
    joined = joined_passage(TEXTS, JoinPlan(30.0, PauseRange(0.5, 0.5), seed=1))
    said = [span.text for span in joined.spans]
    assert set(said[:4]) == set(said[4:8]) == set(TEXTS)


def test_repeated_sentences_are_spoken_with_another_seed() -> None:
    joined = joined_passage(["short"], JoinPlan(2.0, PauseRange(0.5, 0.5), seed=1))
    first, second = (joined.samples[span.start : span.end] for span in joined.spans[:2])
    assert not np.array_equal(first, second)


def test_parts_alone_are_the_same_samples() -> None:
    joined = joined_passage(TEXTS, JoinPlan(10.0, PAUSES, seed=1))
    parts = parts_alone(joined)
    assert [part.text for part in parts] == [span.text for span in joined.spans]
    for part, span in zip(parts, joined.spans, strict=True):
        [own] = part.spans
        assert np.array_equal(part.samples[own.start : own.end], joined.samples[span.start : span.end])


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5, 3.4])
def test_continuous_passage_is_as_long_as_asked(seconds: float) -> None:
    passage = continuous_passage(TEXTS, seconds)
    assert passage.length / SAMPLE_RATE == pytest.approx(seconds, abs=0.15)


def test_continuous_passage_has_no_pause_that_could_end_a_segment() -> None:
    passage = continuous_passage(TEXTS, 4.5)
    gaps = [after.start - before.end for before, after in pairwise(passage.spans)]
    assert set(gaps) == {640}
    assert passage.spans[0].start == 0
    assert passage.spans[-1].end == passage.length


def test_continuous_passage_is_what_there_is_when_the_sentences_are_too_few() -> None:
    assert len(continuous_passage(TEXTS, 60.0).spans) == len(TEXTS)


def test_recordings_come_with_their_texts() -> None:
    assert [passage.text.split()[0] for passage in recorded_passages()] == ["Ever", "It"]


def test_file_comes_with_the_words_of_its_text_file(tmp_path: Path) -> None:
    audio, text = tmp_path / "said.wav", tmp_path / "said.txt"
    _write_wav(audio, _tone("short"))
    text.write_text("So it is.", encoding="utf-8")
    [passage] = file_passages(audio, text)
    assert (passage.text, passage.length) == ("So it is.", 8_000)


def _write_wav(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(float_to_pcm16(samples))
