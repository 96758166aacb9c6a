"""The same audio from the same checkpoint gives the same segments, wherever one begins."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from hypothesis import given, settings

from common.audio import ms_to_samples, pcm16_to_float
from common.checkpoint import ORIGIN, Checkpoint
from common.events import ScheduleStep
from common.silence import SilenceSchedule
from tests.support.loudness_vad import LoudnessVad
from tests.support.sound import LOUD, QUIET, Piece, sound, sounds
from worker.pipeline.hop import HOP_SAMPLES, Hop
from worker.pipeline.segmenter import Closed, Opened, Rested, SegmentAction, Segmenter

SCHEDULE: Final = SilenceSchedule((ScheduleStep(2_000, 600), ScheduleStep(None, 300)))
# Each example is some ten seconds of audio, heard several times.
few: Final = settings(max_examples=25)
CAP: Final = ms_to_samples(3_000)


def segmented(pcm: bytes, checkpoint: Checkpoint = ORIGIN) -> list[SegmentAction]:
    """All that the segmenter says of the audio from the checkpoint on."""
    samples, vad = pcm16_to_float(pcm), LoudnessVad()
    machine, state, actions = Segmenter(SCHEDULE, CAP, checkpoint), vad.fresh_state(), []
    cursor = checkpoint.vad_from
    while cursor + HOP_SAMPLES <= len(samples):
        window = samples[cursor : cursor + HOP_SAMPLES]
        [speech], [state] = vad.forward(window[None], [state])
        cursor += HOP_SAMPLES
        loudness = float((window**2).mean()) ** 0.5
        for action in machine.advance(Hop(cursor - HOP_SAMPLES, cursor, speech, loudness)):
            actions.append(action)
            if isinstance(action, Closed | Rested):
                cursor, state = action.checkpoint.vad_from, vad.fresh_state()
    return actions


def test_the_material_has_every_kind_of_checkpoint() -> None:
    pcm = sound((LOUD, 1.0), (QUIET, 0.7), (LOUD, 4.0), (QUIET, 0.2), (LOUD, 2.5), (QUIET, 5.0))
    actions = segmented(pcm)
    assert {type(action) for action in actions} == {Opened, Closed, Rested}
    closed = [action for action in actions if isinstance(action, Closed)]
    assert {action.checkpoint.in_speech for action in closed} == {True, False}


@few
@given(sounds())
def test_replay_from_any_checkpoint_gives_the_same_actions(pieces: list[Piece]) -> None:
    pcm = sound(*pieces)
    actions = segmented(pcm)
    for index, action in enumerate(actions):
        if isinstance(action, Closed | Rested):
            assert segmented(pcm, action.checkpoint) == actions[index + 1 :]


@few
@given(sounds())
def test_segments_are_in_order_and_share_no_speech(pieces: list[Piece]) -> None:
    closed = [action for action in segmented(sound(*pieces)) if isinstance(action, Closed)]
    assert [action.segment.index for action in closed] == list(range(len(closed)))
    for action in closed:
        assert action.segment.audio_from <= action.segment.start < action.end <= action.endpoint
        assert action.end <= action.audio_to <= action.endpoint
        assert action.endpoint - action.segment.start <= CAP
    for earlier, later in pairwise(closed):
        assert earlier.end <= later.segment.audio_from
        assert earlier.checkpoint.audio_from <= later.segment.audio_from


@few
@given(sounds())
def test_checkpoints_only_ever_move_on(pieces: list[Piece]) -> None:
    checkpoints = [
        action.checkpoint for action in segmented(sound(*pieces)) if isinstance(action, Closed | Rested)
    ]
    for earlier, later in pairwise([ORIGIN, *checkpoints]):
        assert earlier.audio_from < later.audio_from <= later.vad_from
        assert earlier.vad_from < later.vad_from
        assert later.segment - earlier.segment in (0, 1)
