from __future__ import annotations

from typing import Final

import pytest

from common.audio import ms_to_samples, seconds_to_samples
from common.checkpoint import ORIGIN, Checkpoint
from common.events import EndpointReason, ScheduleStep
from common.silence import NAMED_STEPS, SilenceSchedule
from tests.support.hops import hops
from worker.pipeline.hop import END_LAG, HOP_SAMPLES, ONSET_LAG, Hop
from worker.pipeline.segmenter import (
    NOISE_CHECKPOINT,
    PRE_ROLL,
    SILENCE_CHECKPOINT,
    TAIL,
    Closed,
    Opened,
    OpenSegment,
    Rested,
    SegmentAction,
    Segmenter,
    SegmenterState,
)

LONG_CAP: Final = seconds_to_samples(120)
HALF_A_SECOND: Final = SilenceSchedule((ScheduleStep(None, 500),))


def segmenter(
    schedule: SilenceSchedule = HALF_A_SECOND, checkpoint: Checkpoint = ORIGIN, cap: int = LONG_CAP
) -> Segmenter:
    return Segmenter(schedule, cap, checkpoint)


def advanced(machine: Segmenter, script: str, first: int = 0) -> list[SegmentAction]:
    return [action for hop in hops(script, first) for action in machine.advance(hop)]


def closed_of(actions: list[SegmentAction]) -> list[Closed]:
    return [action for action in actions if isinstance(action, Closed)]


def test_silence_opens_nothing() -> None:
    machine = segmenter()
    assert advanced(machine, "silence 3") == []
    assert machine.state is SegmenterState.SILENCE
    assert machine.open_segment is None


def test_a_segment_begins_at_the_sound_and_is_decoded_from_a_little_before() -> None:
    sound = 20 * HOP_SAMPLES
    segment = OpenSegment(0, sound - ONSET_LAG, sound - ONSET_LAG - PRE_ROLL)
    machine = segmenter()
    assert advanced(machine, "silence 0.64, speech 1") == [Opened(segment)]
    assert machine.open_segment == segment
    assert machine.state is SegmenterState.SPEECH


def test_pre_roll_never_reaches_behind_the_checkpoint() -> None:
    checkpoint = Checkpoint(audio_from=1_000, vad_from=1_024, segment=4)
    [opened] = advanced(segmenter(checkpoint=checkpoint), "speech 1", first=1_024)
    assert opened == Opened(OpenSegment(4, 1_000, 1_000))


def test_a_short_pause_belongs_to_the_segment() -> None:
    machine = segmenter()
    assert len(advanced(machine, "speech 1, silence 0.3")) == 1
    states = [machine.state]
    assert advanced(machine, "speech 1", first=seconds_to_samples(1.312)) == []
    assert [*states, machine.state] == [SegmenterState.TRAILING, SegmenterState.SPEECH]


@pytest.mark.parametrize("table", NAMED_STEPS)
@pytest.mark.parametrize("spoken_s", [1, 2, 4, 7, 12, 17, 25, 35, 50])
def test_the_silence_before_an_endpoint_is_that_of_the_schedule_at_that_age(
    table: str, spoken_s: int
) -> None:
    schedule = SilenceSchedule(NAMED_STEPS[table])
    [closed] = closed_of(advanced(segmenter(schedule), f"silence 1, speech {spoken_s}, silence 3"))
    start, silence = closed.segment.start, closed.endpoint - closed.end
    required = schedule.required_samples(closed.endpoint - start)
    assert closed.reason is EndpointReason.SILENCE
    assert required <= silence < required + HOP_SAMPLES
    assert abs(closed.end - start - seconds_to_samples(spoken_s)) <= END_LAG + HOP_SAMPLES


def test_a_segment_that_grows_past_a_row_in_silence_is_measured_by_the_next_one() -> None:
    schedule = SilenceSchedule((ScheduleStep(5_000, 2_000), ScheduleStep(None, 500)))
    [closed] = closed_of(advanced(segmenter(schedule), "silence 1, speech 4, silence 3"))
    age = closed.endpoint - closed.segment.start
    assert ms_to_samples(5_000) < age <= ms_to_samples(5_000) + HOP_SAMPLES
    assert ms_to_samples(500) < closed.endpoint - closed.end < ms_to_samples(2_000)


def test_a_new_schedule_holds_for_the_segment_that_is_open() -> None:
    machine = segmenter(SilenceSchedule((ScheduleStep(None, 2_000),)))
    assert closed_of(advanced(machine, "speech 1, silence 1")) == []
    machine.schedule = HALF_A_SECOND
    assert len(closed_of(advanced(machine, "silence 0.032", first=seconds_to_samples(2)))) == 1


def test_the_end_is_put_back_by_the_lag_of_the_detector_and_decoded_with_a_tail() -> None:
    [closed] = closed_of(advanced(segmenter(), "silence 0.64, speech 0.64, silence 1"))
    assert closed.end == 40 * HOP_SAMPLES - END_LAG
    assert closed.audio_to == closed.end + TAIL < closed.endpoint


def test_the_tail_never_reaches_behind_the_endpoint() -> None:
    machine = segmenter(SilenceSchedule((ScheduleStep(None, 32),)))
    [closed] = closed_of(advanced(machine, "silence 0.32, speech 1, silence 1"))
    assert closed.audio_to == closed.endpoint < closed.end + TAIL


def test_the_next_segment_may_look_back_but_never_into_the_last_ones_speech() -> None:
    [closed] = closed_of(advanced(segmenter(), "speech 1, silence 1"))
    near = closed_of(advanced(segmenter(SilenceSchedule((ScheduleStep(None, 32),))), "speech 1, silence 1"))[
        0
    ]
    for ended in (closed, near):
        assert ended.checkpoint.vad_from == ended.endpoint
        assert ended.checkpoint.segment == 1
        assert ended.checkpoint.audio_from == max(ended.end, ended.endpoint - PRE_ROLL - ONSET_LAG)
    assert near.checkpoint.audio_from == near.end


def test_a_long_silence_is_a_checkpoint_and_so_is_every_next_one() -> None:
    actions = advanced(segmenter(), "silence 8.2")
    rested = [action for action in actions if isinstance(action, Rested)]
    first, second = [action.checkpoint for action in rested]
    assert len(actions) == 2
    assert SILENCE_CHECKPOINT <= first.vad_from < SILENCE_CHECKPOINT + HOP_SAMPLES
    assert second.vad_from == 2 * first.vad_from
    assert first.audio_from == first.vad_from - PRE_ROLL - ONSET_LAG
    assert (first.segment, first.in_speech) == (0, False)


def test_a_checkpoint_waits_until_it_is_quiet() -> None:
    machine = segmenter()
    assert advanced(machine, "silence 3.9, noise 1, silence 0.3") == []
    assert isinstance(advanced(machine, "silence 0.05", first=seconds_to_samples(5.216))[0], Rested)


def test_quiet_means_ten_hops_in_a_row() -> None:
    quiet_s = [count * HOP_SAMPLES / 16_000 for count in (9, 10)]
    nine, ten = (advanced(segmenter(), f"silence 3, noise 1.024, silence {seconds}") for seconds in quiet_s)
    assert (len(nine), len(ten)) == (0, 1)


def test_speech_in_progress_has_got_to_the_last_hop() -> None:
    machine = segmenter()
    advanced(machine, "speech 0.64")
    assert machine.speech_end == 20 * HOP_SAMPLES
    advanced(machine, "silence 0.032", first=20 * HOP_SAMPLES)
    assert machine.speech_end == 20 * HOP_SAMPLES - END_LAG


def test_closing_without_a_segment_closes_nothing() -> None:
    machine = segmenter()
    advanced(machine, "silence 1")
    assert machine.close(seconds_to_samples(1), EndpointReason.COMMIT) is None


def test_closing_in_speech_takes_all_that_was_heard() -> None:
    machine = segmenter()
    advanced(machine, "silence 0.32, speech 1")
    at = seconds_to_samples(1.34)
    closed = machine.close(at, EndpointReason.STOP)
    assert closed is not None
    assert (closed.end, closed.audio_to, closed.endpoint, closed.reason) == (at, at, at, EndpointReason.STOP)
    assert closed.checkpoint == Checkpoint(at, at, 1)
    assert machine.state is SegmenterState.SILENCE and machine.next_index == 1


def test_closing_in_a_pause_ends_with_the_speech() -> None:
    machine = segmenter()
    advanced(machine, "silence 0.32, speech 0.96, silence 0.4")
    closed = machine.close(seconds_to_samples(1.7), EndpointReason.COMMIT)
    assert closed is not None
    assert closed.end == 40 * HOP_SAMPLES - END_LAG


def test_a_segment_with_speech_is_at_least_a_hop_long() -> None:
    checkpoint = Checkpoint(0, 0, 3, in_speech=True)
    machine = segmenter(checkpoint=checkpoint)
    [closed] = advanced(machine, "speech 0.032, silence 0.6")
    assert isinstance(closed, Closed)
    assert (closed.segment, closed.end) == (OpenSegment(3, 0, 0), HOP_SAMPLES)


def test_after_a_cut_in_speech_the_segment_is_open_before_the_first_hop() -> None:
    machine = segmenter(checkpoint=Checkpoint(5_120, 5_120, 3, in_speech=True))
    assert machine.open_segment == OpenSegment(3, 5_120, 5_120)
    assert machine.state is SegmenterState.SPEECH
    assert machine.required_silence(5_120) == ms_to_samples(500)


def test_noise_that_is_never_quiet_is_settled_all_the_same() -> None:
    machine = segmenter()
    actions: list[SegmentAction] = []
    for index in range(NOISE_CHECKPOINT // HOP_SAMPLES + 1):
        actions += machine.advance(Hop(index * HOP_SAMPLES, (index + 1) * HOP_SAMPLES, 0.25, 0.01))
    (rested,) = actions
    assert isinstance(rested, Rested)
    assert NOISE_CHECKPOINT <= rested.checkpoint.vad_from < NOISE_CHECKPOINT + HOP_SAMPLES
