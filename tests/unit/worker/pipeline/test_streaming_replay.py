"""What is said depends on the audio alone: not on frames, not on how long decodes take, not on failovers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from common.audio import BYTES_PER_SAMPLE, seconds_to_samples
from common.checkpoint import Checkpoint
from common.events import Committed, Event, Partial, SpeechStarted, Stopped
from common.events import Final as FinalEvent
from tests.support.pipeline_run import Patience, PipelineRun, Settlement, between, run_from, run_whole
from tests.support.sound import LOUD, QUIET, Piece, sound, sounds
from worker.pipeline.hop import HOP_SAMPLES
from worker.pipeline.orders import Mark

patiences: Final = st.builds(Patience, st.integers(0, 60), st.booleans())


def commits_in(pcm: bytes, shares: list[float]) -> list[int]:
    length = len(pcm) // BYTES_PER_SAMPLE
    return sorted(round(share * length) for share in shares)


# Each example is some ten seconds of audio, heard several times.
few: Final = settings(max_examples=15)
shares: Final = st.lists(st.floats(0, 1), max_size=3)


def locked(events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, FinalEvent | Stopped)]


def without_partials(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Partial)]


def expected_after(run: PipelineRun, settlement: Settlement) -> list[Event]:
    """What a replay says: all that followed, and no new start of a segment that goes on."""
    checkpoint, after = settlement.checkpoint, run.events[settlement.events_before :]
    goes_on = checkpoint.segment if checkpoint.in_speech else None
    return [event for event in after if not (isinstance(event, SpeechStarted) and event.segment == goes_on)]


def unanswered(commits: list[int], run: PipelineRun, settlement: Settlement) -> list[int]:
    """The orders that a gateway would send again: those it has had no answer to."""
    before = run.events[: settlement.events_before]
    return commits[len([event for event in before if isinstance(event, Committed)]) :]


def feed_in_frames(run: PipelineRun, pcm: bytes, lengths: list[int]) -> None:
    position = 0
    for length in itertools.cycle(lengths):
        if position * BYTES_PER_SAMPLE >= len(pcm):
            return
        run.feed(between(pcm, position, position + length))
        position += length


def test_the_material_has_every_kind_of_checkpoint() -> None:
    pcm = sound((LOUD, 1.0), (QUIET, 0.7), (LOUD, 4.0), (QUIET, 0.2), (LOUD, 2.5), (QUIET, 5.0), (LOUD, 1.0))
    checkpoints = [settlement.checkpoint for settlement in run_whole(pcm).settlements]
    reasons = {str(final.reason) for final in run_whole(pcm, commits=[8_000]).finals}
    assert reasons == {"commit", "silence", "max_length", "stop"}
    assert {checkpoint.in_speech for checkpoint in checkpoints} == {True, False}
    assert any(earlier.segment == later.segment for earlier, later in pairwise(checkpoints))


@few
@given(sounds(), shares)
def test_replay_from_any_checkpoint_gives_the_events_that_followed_but_for_partials(
    pieces: list[Piece], commit_shares: list[float]
) -> None:
    pcm = sound(*pieces)
    commits = commits_in(pcm, commit_shares)
    whole = run_whole(pcm, commits=commits)
    for settlement in whole.settlements:
        replayed = run_from(settlement.checkpoint, pcm, commits=unanswered(commits, whole, settlement))
        assert without_partials(replayed.events) == without_partials(expected_after(whole, settlement))


@few
@given(sounds(), patiences, patiences)
def test_replay_gives_the_same_finals_however_slow_either_worker_was(
    pieces: list[Piece], before: Patience, after: Patience
) -> None:
    pcm = sound(*pieces)
    whole = run_whole(pcm, patience=before)
    for settlement in whole.settlements:
        replayed = run_from(settlement.checkpoint, pcm, patience=after)
        assert locked(replayed.events) == locked(whole.events[settlement.events_before :])


@few
@given(sounds(), shares, patiences)
def test_finals_do_not_depend_on_how_long_decodes_take(
    pieces: list[Piece], commit_shares: list[float], patience: Patience
) -> None:
    pcm = sound(*pieces)
    commits = commits_in(pcm, commit_shares)
    slow, soon = run_whole(pcm, patience=patience, commits=commits), run_whole(pcm, commits=commits)
    assert locked(slow.events) == locked(soon.events)
    assert [settlement.checkpoint for settlement in slow.settlements[-1:]] == [
        settlement.checkpoint for settlement in soon.settlements[-1:]
    ]


@few
@given(sounds(max_pieces=4), shares, st.lists(st.integers(1, 9_000), min_size=1, max_size=5))
def test_what_is_locked_does_not_depend_on_where_the_audio_is_cut_into_frames(
    pieces: list[Piece], commit_shares: list[float], lengths: list[int]
) -> None:
    pcm = sound(*pieces)
    commits = commits_in(pcm, commit_shares)
    framed = PipelineRun()
    position = 0
    for commit in commits:
        feed_in_frames(framed, between(pcm, position, commit), lengths)
        framed.mark(Mark.COMMIT)
        position = commit
    feed_in_frames(framed, pcm[position * BYTES_PER_SAMPLE :], lengths)
    framed.finish()
    assert locked(framed.events) == locked(run_whole(pcm, commits=commits).events)


@few
@given(sounds(), shares)
def test_a_backlog_says_the_same_as_live_audio_but_for_partials(
    pieces: list[Piece], commit_shares: list[float]
) -> None:
    pcm = sound(*pieces)
    commits = commits_in(pcm, commit_shares)
    backlog = PipelineRun()
    position = 0
    for commit in commits:
        backlog.pipeline.push_audio(between(pcm, position, commit))
        backlog.pipeline.mark(Mark.COMMIT)
        position = commit
    backlog.pipeline.push_audio(pcm[position * BYTES_PER_SAMPLE :])
    backlog.finish()
    assert without_partials(backlog.events) == without_partials(run_whole(pcm, commits=commits).events)


@few
@given(sounds(), patiences)
def test_settled_audio_grows_and_is_never_needed_again(pieces: list[Piece], patience: Patience) -> None:
    pcm = sound(*pieces)
    run = run_whole(pcm, patience=patience)
    settled = [settlement.checkpoint for settlement in run.settlements]
    for earlier, later in pairwise(settled):
        assert earlier.audio_from <= later.audio_from and earlier.segment <= later.segment
    length = len(pcm) // BYTES_PER_SAMPLE
    assert settled[-1] == Checkpoint(length, length, len(run.finals))


@settings(max_examples=10)
@given(st.integers(0, 9))
def test_silence_is_settled_as_it_comes(seconds: int) -> None:
    run = PipelineRun()
    run.feed(sound((QUIET, float(seconds))))
    longest = seconds_to_samples(4) + HOP_SAMPLES + seconds_to_samples(0.25)
    assert run.pipeline.timeline.end - run.pipeline.timeline.start <= longest
    assert run.events == []
