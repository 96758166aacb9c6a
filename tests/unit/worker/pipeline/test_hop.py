from __future__ import annotations

import pytest

from common.audio import ms_to_samples
from tests.support.hops import hops
from worker.pipeline.hop import HOP_SAMPLES, ONSET_HOPS, ONSET_LAG, DetectorLag, Hop, SpeechDetector

HOP_S = HOP_SAMPLES / 16_000


def heard(script: str, *, vad_from: int = 0, in_speech: bool = False) -> SpeechDetector:
    detector = SpeechDetector(vad_from, in_speech=in_speech)
    for hop in hops(script, vad_from):
        detector.push(hop)
    return detector


def test_a_single_loud_hop_is_a_click() -> None:
    assert not heard(f"silence 0.3, speech {HOP_S}, silence 0.3").speaking


def test_two_loud_hops_in_a_row_are_speech() -> None:
    assert heard(f"silence 0.3, speech {2 * HOP_S}").speaking


def test_clicks_do_not_add_up() -> None:
    assert not heard(", ".join([f"speech {HOP_S}", f"silence {HOP_S}"] * 10)).speaking


def test_murmur_keeps_speech_going_but_begins_none() -> None:
    assert not heard("murmur 1").speaking
    assert heard("speech 0.1, murmur 1").speaking


@pytest.mark.parametrize(
    ("speech", "begins", "goes_on"), [(0.5, True, True), (0.35, False, True), (0.34, False, False)]
)
def test_both_thresholds_belong_to_speech(speech: float, begins: bool, goes_on: bool) -> None:
    silent, speaking = SpeechDetector(0), heard("speech 0.1")
    for start in (0, HOP_SAMPLES):
        hop = Hop(start, start + HOP_SAMPLES, speech, loudness=0.1)
        silent.push(hop)
        speaking.push(hop)
    assert (silent.speaking, speaking.speaking) == (begins, goes_on)


def test_after_speech_a_click_is_a_click_again() -> None:
    assert not heard(f"speech 0.32, silence {HOP_S}, speech {HOP_S}").speaking


def test_speech_ends_with_the_first_hop_below_the_lower_threshold() -> None:
    detector = heard(f"speech 0.32, noise {HOP_S}")
    assert not detector.speaking
    assert detector.last_speech == 10 * HOP_SAMPLES


def test_onset_is_put_back_by_the_hops_it_took_and_the_lag_of_the_detector() -> None:
    detector = heard("silence 0.64, speech 0.5")
    assert detector.onset == 20 * HOP_SAMPLES - ONSET_LAG


def test_onset_is_that_of_the_last_speech() -> None:
    first, again = 10 * HOP_SAMPLES, 30 * HOP_SAMPLES
    script = "silence 0.32, speech 0.32, silence 0.32, speech 0.32"
    assert heard("silence 0.32, speech 0.64").onset == first - ONSET_LAG
    assert heard(script).onset == again - ONSET_LAG


def test_last_speech_follows_the_speech() -> None:
    assert heard("silence 0.32, speech 0.32").last_speech == 20 * HOP_SAMPLES


def test_positions_are_absolute() -> None:
    first = ms_to_samples(10_000)
    detector = heard(f"speech {ONSET_HOPS * HOP_S}", vad_from=first)
    assert (detector.onset, detector.last_speech) == (first - ONSET_LAG, first + ONSET_HOPS * HOP_SAMPLES)


def test_after_a_cut_in_speech_the_detector_is_speaking_from_the_start() -> None:
    detector = SpeechDetector(1_024, in_speech=True)
    assert detector.speaking and detector.onset == detector.last_speech == 1_024
    detector.push(Hop(1_024, 1_536, speech=0.4, loudness=0.1))
    assert detector.speaking and detector.last_speech == 1_536


def test_another_detectors_lag_is_its_own() -> None:
    lag = DetectorLag(onset=2_400, end=1_280)
    detector = SpeechDetector(0, lag=lag)
    for hop in hops("silence 0.64, speech 0.64"):
        detector.push(hop)
    assert detector.onset == 20 * HOP_SAMPLES - lag.onset
