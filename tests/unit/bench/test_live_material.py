from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.live_material import (
    FRAME_SAMPLES,
    LEAD_FRAMES,
    PAUSES_S,
    Loop,
    MaterialKind,
    Stretch,
    make_loop,
)
from bench.speech import AUDIO_FILE, Speech, SpokenSentence, read_speech
from common.audio import Samples, seconds_to_samples


def tone(seconds: float) -> Samples:
    at = np.arange(seconds_to_samples(seconds), dtype=np.float32)
    return np.asarray(0.1 * np.sin(at), dtype=np.float32)


@pytest.fixture
def speech() -> Speech:
    """Two sentences of 1 and 2 s; the first has a pause of 0.2 s in its middle."""
    samples = np.concatenate([tone(0.4), np.zeros(3_200, np.float32), tone(0.4), tone(2.0)])
    return Speech(samples, (SpokenSentence(0, 16_000, "one"), SpokenSentence(16_000, 48_000, "two")))


def lengths_s(loop: Loop) -> list[float]:
    return [round((end - start) / 16_000, 2) for start, end in loop.sounds]


@pytest.mark.parametrize("kind", MaterialKind)
def test_pauses_between_sentences_are_those_of_the_kind(kind: MaterialKind, speech: Speech) -> None:
    loop = make_loop(speech, kind)
    assert lengths_s(loop) == pytest.approx([0.4, 0.4, 2.0], abs=0.02)
    shortest_s, longest_s = PAUSES_S[kind]
    between_s = (loop.sounds[2][0] - loop.sounds[1][1]) / 16_000
    assert shortest_s <= between_s <= longest_s
    assert 3.0 + 2 * shortest_s <= len(loop.pcm) / 16_000 <= 3.0 + 2 * longest_s


def test_loop_is_the_same_each_time(speech: Speech) -> None:
    first, second = (make_loop(speech, MaterialKind.DIALOGUE) for _ in range(2))
    assert np.array_equal(first.pcm, second.pcm)
    assert first.sounds == second.sounds


def test_frames_of_a_stream_are_the_lead_then_the_loop_from_its_offset_round_and_round() -> None:
    loop = Loop(np.full(3 * FRAME_SAMPLES, -1, np.int16), np.arange(2_000, dtype=np.int16), ((0, 2_000),))
    frames = b"".join(loop.frame(500, number) for number in range(LEAD_FRAMES + 2))
    said = np.frombuffer(frames, dtype="<i2")
    assert set(said[: len(loop.lead)]) == {-1}
    assert np.array_equal(said[len(loop.lead) :], np.arange(500, 500 + 2 * FRAME_SAMPLES) % 2_000)


def test_stretches_lie_where_the_frames_have_sound() -> None:
    pcm = np.zeros(16_000, np.int16)
    pcm[4_000:8_000] = 1_000
    loop = Loop(np.zeros(LEAD_FRAMES * FRAME_SAMPLES, np.int16), pcm, ((4_000, 8_000),))
    # Begins in the middle of the sound: the rest of it comes at once, then the whole of it a second later.
    stretches = loop.stretches(offset=6_000, seconds=1.3)
    assert stretches == (Stretch(0.3, 0.425), Stretch(1.175, 1.3))
    frames = b"".join(loop.frame(6_000, number) for number in range(13))
    loud = np.flatnonzero(np.frombuffer(frames, dtype="<i2"))
    assert (loud[0], loud[-1] + 1, len(loud)) == (4_800, 20_800, 4_000)


def test_streams_begin_at_different_places_but_at_no_very_end_of_a_sound() -> None:
    loop = Loop(np.zeros(0, np.int16), np.zeros(160_000, np.int16), ((0, 82_000), (100_000, 160_000)))
    assert [loop.offset(number, 4) for number in range(4)] == [0, 40_000, 82_000, 120_000]


def test_speech_of_the_repository_is_small_and_fits_its_words() -> None:
    speech = read_speech()
    assert AUDIO_FILE.stat().st_size < 1_500_000
    assert 180 < len(speech.samples) / 16_000 < 240
    for sentence in speech.sentences:
        said = speech.samples[sentence.start : sentence.end]
        assert 0.05 < float(np.sqrt(np.mean(np.square(said)))) < 0.15, sentence.text


def test_words_of_another_file_are_refused(tmp_path: Path) -> None:
    words = tmp_path / "words.json"
    words.write_text('[{"start": 0, "end": 999999999, "text": "no"}]')
    with pytest.raises(ValueError, match=r"do not lie in speech\.opus"):
        read_speech(AUDIO_FILE, words)
    words.write_text("[]")
    with pytest.raises(ValueError, match="do not lie"):
        read_speech(AUDIO_FILE, words)
