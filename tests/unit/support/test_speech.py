from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from common.audio import SAMPLE_RATE, Samples, float_to_pcm16, pcm16_to_float
from tests.support import speech
from tests.support.speech import Span, Timeline

WORDS = "The cat sat by the door."


def tone(seconds: float, level: float = 0.5) -> Samples:
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (level * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)


def test_speech_is_the_same_from_the_cache_and_made_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(speech, "_cache_folder", lambda: tmp_path)
    made = speech.say(WORDS, seed=3)
    [kept] = tmp_path.iterdir()
    from_cache = speech.say(WORDS, seed=3)
    kept.unlink()
    assert np.array_equal(made, from_cache)
    assert np.array_equal(made, speech.say(WORDS, seed=3))


def test_cached_speech_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    speech.say(WORDS)
    monkeypatch.setattr(speech, "_synthesised", lambda text, seed: pytest.fail("made again"))
    assert len(speech.say(WORDS))


def test_text_and_seed_each_have_speech_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(speech, "_cache_folder", lambda: tmp_path)
    monkeypatch.setattr(speech, "_synthesised", lambda text, seed: tone(0.1))
    for text, seed in (("one", 0), ("one", 1), ("two", 0), ("one", 0)):
        speech.say(text, seed)
    assert len(list(tmp_path.iterdir())) == 3


def test_synthesised_speech_is_16_khz_speech_with_quiet_around_it() -> None:
    said = speech.say(WORDS)
    loud = speech.trimmed(said)
    assert said.dtype == np.float32
    assert 0.9 * SAMPLE_RATE < len(loud) < 2.5 * SAMPLE_RATE
    assert 0.4 * SAMPLE_RATE < len(said) - len(loud) < 1.2 * SAMPLE_RATE


def test_trimming_keeps_exactly_the_loud_frames() -> None:
    loud = tone(0.5)
    padded = np.concatenate([speech.silence(0.3), loud, tone(0.2, level=0.005), speech.silence(0.1)])
    assert np.array_equal(speech.trimmed(padded), loud)


def test_trimming_keeps_quiet_inside_speech() -> None:
    joined = np.concatenate([tone(0.2), speech.silence(0.5), tone(0.2)])
    assert np.array_equal(speech.trimmed(joined), joined)


def test_nothing_is_left_of_silence() -> None:
    assert len(speech.trimmed(speech.silence(0.5))) == 0
    assert len(speech.trimmed(speech.silence(0))) == 0


@pytest.mark.parametrize(("pause_s", "left_s"), [(0.5, 0.05), (0.06, 0.05), (0.05, 0.05), (0.03, 0.03)])
def test_inner_pauses_are_cut_down_to_the_longest_allowed(pause_s: float, left_s: float) -> None:
    joined = np.concatenate([tone(0.2), speech.silence(pause_s), tone(0.2)])
    assert len(speech.without_pauses(joined, longest_s=0.05)) == pytest.approx((0.4 + left_s) * SAMPLE_RATE)


def test_all_inner_pauses_can_be_cut_out() -> None:
    joined = np.concatenate([tone(0.2), speech.silence(0.4), tone(0.2)])
    assert np.array_equal(speech.without_pauses(joined, longest_s=0), np.concatenate([tone(0.2), tone(0.2)]))


def test_noise_has_its_level_and_depends_on_its_seed() -> None:
    first = speech.noise(1.0, level=0.01, seed=1)
    assert np.sqrt(np.mean(first**2)) == pytest.approx(0.01, rel=0.05)
    assert np.array_equal(first, speech.noise(1.0, level=0.01, seed=1))
    assert not np.array_equal(first, speech.noise(1.0, level=0.01, seed=2))


def test_timeline_remembers_the_borders_of_speech() -> None:
    timeline = Timeline().pause(0.5).speech(tone(1.0), "high").pause(0.25).speech(tone(0.5), "low").pause(1)
    assert timeline.spans == (Span(8_000, 24_000, "high"), Span(28_000, 36_000, "low"))
    assert timeline.text == "high low"
    assert timeline.length == len(timeline.samples) == 52_000


def test_timeline_samples_lie_where_its_spans_say() -> None:
    timeline = Timeline().pause(0.6).say(WORDS).pause(1.0)
    [span] = timeline.spans
    samples = timeline.samples
    assert np.array_equal(samples[span.start : span.end], speech.trimmed(speech.say(WORDS)))
    assert not samples[: span.start].any()
    assert not samples[span.end :].any()


def test_timeline_noise_lies_under_pauses_and_speech() -> None:
    quiet = Timeline().pause(0.5).speech(tone(0.5), "tone")
    noisy = Timeline(noise_level=0.01).pause(0.5).speech(tone(0.5), "tone")
    added = noisy.samples - quiet.samples
    assert noisy.spans == quiet.spans
    assert np.sqrt(np.mean(added[:8_000] ** 2)) == pytest.approx(0.01, rel=0.05)
    assert np.sqrt(np.mean(added[8_000:] ** 2)) == pytest.approx(0.01, rel=0.05)


def test_extending_a_timeline_leaves_the_shorter_one_as_it_was() -> None:
    shorter = Timeline().pause(0.5)
    shorter.pause(0.5)
    assert shorter.length == 8_000
    assert Timeline().length == len(Timeline().samples) == 0


def test_timeline_pcm_is_its_samples() -> None:
    timeline = Timeline().speech(tone(0.1), "tone")
    assert np.allclose(pcm16_to_float(timeline.pcm()), timeline.samples, atol=1 / 32_768)


def test_audio_files_are_resampled_to_16_khz_mono(tmp_path: Path) -> None:
    file = tmp_path / "stereo.wav"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(8_000)
        out.writeframes(float_to_pcm16(np.repeat(tone(1.0)[::2], 2)))
    read = speech.read_audio(file)
    assert read.shape == (SAMPLE_RATE,)
    assert np.abs(read[800:-800] - tone(1.0)[800:-800]).max() < 0.02


def test_recordings_are_there_in_full() -> None:
    assert len(speech.recording("beckett")) / SAMPLE_RATE == pytest.approx(9.963, abs=0.001)
