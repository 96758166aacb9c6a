"""FSMN-VAD for many sessions at once, against FunASR's own for one."""

from __future__ import annotations

import shutil
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest
import torch
import yaml

from common.audio import Samples, ms_to_samples, seconds_to_samples
from common.checkpoint import Checkpoint
from common.events import EndpointReason
from common.silence import STREAMING_STEPS, SilenceSchedule
from tests.support.fsmn_models import (
    energy_model,
    funasr_finds,
    funasr_hears,
    noise,
    random_model,
    read_config,
)
from worker.pipeline.hop import HOP_SAMPLES, SPEECH_ENTERS, SPEECH_LEAVES, Hop
from worker.pipeline.segmenter import Closed, Rested, Segmenter
from worker.vad.base import VadState
from worker.vad.fsmn import UNDECIDED, FsmnState, FsmnVad, speech_probability
from worker.vad.fsmn_frontend import Frontend
from worker.vad.fsmn_model import Windowing, load_fsmn
from worker.vad.registry import VadUnusable, create_vad

pytestmark = pytest.mark.timeout(120)

HOPS: Final = 30
CAP: Final = seconds_to_samples(30)
SPEECH: Final = 0.1
SILENCE: Final = 1e-4


@cache
def detector(folder: Path) -> FsmnVad:
    return FsmnVad(folder)


def streams(count: int) -> npt.NDArray[np.float32]:
    """Shape (count, HOPS, 512); streams differ in level, and change it all the time."""
    random = np.random.default_rng(3)
    levels = random.random((count, HOPS, 1)) ** 3
    return (levels * random.standard_normal((count, HOPS, HOP_SAMPLES))).astype(np.float32)


def heard_alone(vad: FsmnVad, stream: npt.NDArray[np.float32]) -> tuple[list[float], VadState]:
    state, heard = vad.fresh_state(), []
    for hop in stream:
        [speech], [state] = vad.forward(hop[None], [state])
        heard.append(speech)
    return heard, state


def assert_same(one: FsmnState, other: FsmnState) -> None:
    assert np.array_equal(one.memory, other.memory) and np.array_equal(one.window, other.window)
    assert np.array_equal(one.frontend.audio, other.frontend.audio)
    assert np.array_equal(one.frontend.splice, other.frontend.splice)
    assert (one.judged, one.frontend.pending, one.frontend.heard) == (
        other.judged,
        other.frontend.pending,
        other.frontend.heard,
    )


def in_odd_pieces(audio: Samples) -> list[Samples]:
    random, pieces = np.random.default_rng(4), []
    while len(audio):
        size = int(random.integers(100, 4_000))
        pieces.append(audio[:size])
        audio = audio[size:]
    return pieces


@pytest.mark.parametrize("level", [1e-4, 0.01, 0.3])
def test_features_and_posteriors_are_those_of_funasr(level: float) -> None:
    folder = random_model()
    audio = noise((level, 2.0), (level / 30, 1.0), (level, 1.7))
    theirs = funasr_hears(folder, in_odd_pieces(audio))
    vad = detector(folder)
    model = load_fsmn(folder)
    frontend = Frontend(model.shift, model.scale)
    state, memory = frontend.fresh_state(), vad.fresh_state().memory
    features, silence = [], []
    for start in range(0, len(audio) - HOP_SAMPLES + 1, HOP_SAMPLES):
        hop = audio[None, start : start + HOP_SAMPLES]
        with torch.inference_mode():
            new, [state] = frontend.forward(hop, [state])
            heard, [memory] = vad.posteriors(new, [memory])
        features.append(new.values)
        silence.append(heard[0, : new.counts[0]])
    ours = np.concatenate(features)
    # Both have frames that the other has not: the hop and FunASR's piece are of different lengths.
    common = min(len(ours), len(theirs.features))
    assert common > 440
    # A band that happens to be empty in a frame is small beside what a spectrum in single precision leaves
    # there; kaldi-native-fbank is as far from double precision in those.
    apart = np.abs(ours[:common] - theirs.features[:common])
    assert np.mean(apart > 1e-4) < 1e-3 and apart.max() < 1e-3
    np.testing.assert_allclose(np.concatenate(silence)[:common], theirs.silence[:common], rtol=0, atol=1e-4)
    # Else the comparison says nothing.
    assert np.std(theirs.silence) > 0.02


@pytest.mark.parametrize("count", [1, 2, 7, 33, 64])
def test_bit_for_bit_the_same_whoever_else_is_in_the_batch(count: int) -> None:
    """Sessions come and go at random, so that each is elsewhere in its frames than the others."""
    vad, given = detector(random_model()), streams(count)
    random = np.random.default_rng(count)
    states: list[VadState] = [vad.fresh_state() for _ in given]
    heard: list[list[float]] = [[] for _ in given]
    while waiting := [row for row in range(count) if len(heard[row]) < HOPS]:
        rows = random.permutation(waiting)[: random.integers(1, len(waiting) + 1)]
        hops = np.stack([given[row, len(heard[row])] for row in rows])
        speech, following = vad.forward(hops, [states[row] for row in rows])
        for row, probability, state in zip(rows, speech, following, strict=True):
            heard[row].append(probability)
            states[row] = state
    for row, stream in enumerate(given):
        alone, state = heard_alone(vad, stream)
        assert heard[row] == alone
        assert_same(states[row], state)
    assert len({probability for row in heard for probability in row}) > 5


def test_a_fresh_state_forgets_and_no_state_is_changed() -> None:
    vad, [stream] = detector(random_model()), streams(1)
    fresh = vad.fresh_state()
    first, state = heard_alone(vad, stream)
    vad.forward(stream[:1], [state])
    again, state_again = heard_alone(vad, stream)
    assert first == again
    assert_same(state, state_again)
    assert_same(fresh, vad.fresh_state())


def test_a_state_is_small_and_its_own() -> None:
    vad = detector(random_model())
    _, following = vad.forward(streams(64)[:, 0], [vad.fresh_state() for _ in range(64)])
    for state in following:
        arrays = (state.memory, state.window, state.frontend.audio, state.frontend.splice)
        assert sum(array.nbytes for array in arrays) < 42_000
        # A view of the batch would keep all of it.
        assert all(array.base is None or array.base.nbytes <= 42_000 for array in arrays)


def closed_in(audio: Samples) -> list[Closed]:
    vad = detector(energy_model())
    segmenter = Segmenter(SilenceSchedule(STREAMING_STEPS), CAP, Checkpoint(0, 0, 0), vad.lag)
    state, begin, closed = vad.fresh_state(), 0, []
    while begin + HOP_SAMPLES <= len(audio):
        samples = audio[begin : begin + HOP_SAMPLES]
        [speech], [state] = vad.forward(samples[None], [state])
        loudness = float(np.sqrt(np.mean(np.square(samples))))
        hop = Hop(begin, begin + HOP_SAMPLES, speech, loudness)
        begin = hop.end
        for action in segmenter.advance(hop):
            if isinstance(action, Closed):
                closed.append(action)
            if isinstance(action, Closed | Rested):
                state, begin = vad.fresh_state(), action.checkpoint.vad_from
    return closed


# Length of a burst of noise and the silence that ends it, by the schedule.
BURSTS: Final = ((0.3, 2_000), (1.1, 2_000), (2.2, 2_000), (6.3, 1_500), (12.2, 1_000))


@pytest.mark.parametrize("seed", range(3))
def test_segments_are_those_of_funasr(seed: int) -> None:
    """Borders of what is decoded: both take in a little before and behind the sound."""
    offsets = np.random.default_rng(seed).uniform(0.0, 0.1, len(BURSTS))
    script = [(SILENCE, 1.0)]
    for (seconds, _), offset in zip(BURSTS, offsets, strict=True):
        script += [(SPEECH, seconds + offset), (SILENCE, 2.6 + offset)]
    audio = noise(*script, seed=seed)
    ours, theirs = closed_in(audio), funasr_finds(energy_model(), audio)
    assert len(ours) == len(theirs) == len(BURSTS)
    for our, their in zip(ours, theirs, strict=True):
        assert our.reason is EndpointReason.SILENCE
        assert abs(our.segment.audio_from - their.start) <= ms_to_samples(150)
        assert abs(our.audio_to - their.end) <= ms_to_samples(170)
        assert abs(our.endpoint - their.endpoint) <= ms_to_samples(200)


@pytest.mark.parametrize("seed", range(3))
def test_borders_and_endpoints_are_those_of_the_sound_and_the_schedule(seed: int) -> None:
    for seconds, silence_ms in BURSTS:
        audio = noise((SILENCE, 1.0), (SPEECH, seconds), (SILENCE, 2.6), seed=seed)
        [closed] = closed_in(audio)
        begin, end = seconds_to_samples(1.0), seconds_to_samples(1.0 + seconds)
        assert abs(closed.segment.start - begin) <= ms_to_samples(40)
        assert abs(closed.end - end) <= ms_to_samples(40)
        assert abs(closed.endpoint - end - ms_to_samples(silence_ms)) <= ms_to_samples(60)


@pytest.mark.parametrize("burst_ms", [60, 100, 120, 160, 200])
def test_what_is_too_short_for_funasr_is_too_short_here(burst_ms: int) -> None:
    audio = noise((SILENCE, 1.0), (SPEECH, burst_ms / 1000), (SILENCE, 3.0))
    assert len(closed_in(audio)) == len(funasr_finds(energy_model(), audio)) == (burst_ms > 130)


def test_a_burst_does_not_prolong_a_silence_that_funasr_counts_through() -> None:
    audio = noise((SILENCE, 1.0), (SPEECH, 1.0), (SILENCE, 1.0), (SPEECH, 0.08), (SILENCE, 2.5))
    [our], [their] = closed_in(audio), funasr_finds(energy_model(), audio)
    assert our.endpoint < seconds_to_samples(4.1) and their.endpoint < seconds_to_samples(4.1)


def windowed(speech: int, judged: int, windowing: Windowing) -> float:
    vad = detector(energy_model())
    fresh = vad.fresh_state()
    window = np.arange(windowing.frames) >= windowing.frames - speech
    return speech_probability(FsmnState(fresh.frontend, fresh.memory, window, judged), windowing)


def test_speech_begins_and_ends_at_funasrs_counts() -> None:
    windowing = load_fsmn(energy_model()).windowing
    assert windowing == Windowing(20, 15, 15)
    heard = [windowed(count, 100, windowing) for count in range(21)]
    assert heard == sorted(heard) and (heard[0], heard[20]) == (0.0, 1.0)
    assert heard[14] < SPEECH_LEAVES and heard[15] >= SPEECH_ENTERS
    apart = [windowed(count, 100, Windowing(20, 15, 8)) for count in range(21)]
    assert [speech == UNDECIDED for speech in apart] == [9 <= count <= 14 for count in range(21)]


def test_a_window_that_is_not_full_yet_does_not_end_speech() -> None:
    windowing = Windowing(20, 15, 15)
    assert windowed(0, 0, windowing) == windowed(6, 6, windowing) == UNDECIDED
    assert windowed(1, 6, windowing) < SPEECH_LEAVES


def test_it_is_made_by_its_name() -> None:
    assert isinstance(create_vad("fsmn", energy_model()), FsmnVad)


def spoilt(folder: Path, **config: Any) -> Path:
    """A copy of the energy model with other values in its config.yaml."""
    shutil.copytree(energy_model(), folder, dirs_exist_ok=True)
    changed = read_config(folder)
    for part, values in config.items():
        changed[part] |= values
    (folder / "config.yaml").write_text(yaml.safe_dump(changed), "utf-8")
    return folder


def why_not(folder: Path) -> str:
    with pytest.raises(VadUnusable) as caught:
        create_vad("fsmn", folder)
    return str(caught.value)


def test_a_model_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    assert "config.yaml, model.pt missing" in why_not(tmp_path)
    assert "another kind: lfr_m 7" in why_not(spoilt(tmp_path, frontend_conf={"lfr_m": 7}))
    assert "do not make a model" in why_not(spoilt(tmp_path, encoder_conf={"fsmn_layers": 2}))
    assert "thresholds of loudness" in why_not(spoilt(tmp_path, model_conf={"decibel_thres": -40.0}))
    spoilt(tmp_path)
    (tmp_path / "am.mvn").write_text("<Nnet>", "utf-8")
    assert "am.mvn" in why_not(tmp_path)
    (tmp_path / "am.mvn").unlink()
    assert isinstance(create_vad("fsmn", tmp_path), FsmnVad)
    (tmp_path / "model.pt").write_bytes((tmp_path / "model.pt").read_bytes()[:999])
    assert "do not make a model" in why_not(tmp_path)
    (tmp_path / "config.yaml").write_text("model: Paraformer", "utf-8")
    assert "does not describe an FSMN-VAD model" in why_not(tmp_path)


def test_without_a_folder_the_published_model_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = SimpleNamespace(snapshot_download=lambda name, **_: str(energy_model()))
    monkeypatch.setitem(sys.modules, "modelscope", hub)
    vad = create_vad("fsmn", None)
    assert vad.fresh_state().memory.shape == detector(energy_model()).fresh_state().memory.shape


def test_a_hub_that_gives_nothing_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, **_: object) -> str:
        raise ConnectionError("no network")

    monkeypatch.setitem(sys.modules, "modelscope", SimpleNamespace(snapshot_download=refuse))
    with pytest.raises(VadUnusable, match="not on this machine and ModelScope does not give it"):
        create_vad("fsmn", None)
