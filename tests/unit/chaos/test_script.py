from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.chaos.script import FRAME_BYTES, FRAME_MS, Script

SCRIPT = Script(number=5, length_ms=30_000)


def test_frames_are_the_audio_in_order() -> None:
    frames = [frame for frame, _ in SCRIPT.frames()]
    assert {len(frame) for frame in frames} == {FRAME_BYTES}
    assert b"".join(frames) == SCRIPT.pcm(0, SCRIPT.end_ms)


@pytest.mark.parametrize("border_ms", [1, 250, 2_000, 2_001, 13_370])
def test_audio_may_be_asked_for_in_any_pieces(border_ms: int) -> None:
    whole = SCRIPT.pcm(0, SCRIPT.end_ms)
    assert SCRIPT.pcm(0, border_ms) + SCRIPT.pcm(border_ms, SCRIPT.end_ms) == whole


def test_turns_are_loud_and_pauses_are_silent() -> None:
    for turn, following in pairwise(SCRIPT.turns):
        assert np.abs(np.frombuffer(SCRIPT.pcm(turn.start_ms, turn.end_ms), "<i2")).max() > 1_000
        assert not any(SCRIPT.pcm(turn.end_ms, following.start_ms))


def test_no_100_ms_of_speech_are_those_of_another_turn_or_session() -> None:
    heard = [
        script.pcm(start_ms, start_ms + 100)
        for script in (SCRIPT, Script(number=6, length_ms=30_000))
        for turn in script.turns
        for start_ms in range(turn.start_ms, turn.end_ms - 99, 50)
    ]
    assert len(set(heard)) == len(heard)


def test_commits_are_within_their_turns_and_behind_a_frame() -> None:
    committed = [turn for turn in SCRIPT.turns if turn.commit_ms]
    assert committed
    for turn in committed:
        assert turn.start_ms + 500 < turn.commit_ms < turn.end_ms - 500
    at = [number * FRAME_MS for number, (_, commits) in enumerate(SCRIPT.frames(), start=1) if commits]
    assert at == [turn.commit_ms for turn in committed]


def test_a_script_is_as_long_as_asked_for_and_ends_with_a_pause() -> None:
    assert SCRIPT.turns[-1].start_ms < SCRIPT.length_ms <= SCRIPT.end_ms
    assert SCRIPT.end_ms - SCRIPT.turns[-1].end_ms >= 600
