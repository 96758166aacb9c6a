"""What happens to a segment that grows too long."""

from __future__ import annotations

from typing import Final

import pytest

from common.audio import samples_to_ms
from common.checkpoint import ORIGIN, Checkpoint
from common.events import EndpointReason, ScheduleStep
from common.silence import SilenceSchedule
from tests.support.hops import hops
from worker.pipeline.hop import END_LAG, HOP_SAMPLES, ONSET_LAG, Hop
from worker.pipeline.segmenter import LOOK_BACK, PRE_ROLL, Closed, OpenSegment, Segmenter, SegmenterState

CAP_HOPS: Final = 200
CAP: Final = CAP_HOPS * HOP_SAMPLES
HOP_S: Final = HOP_SAMPLES / 16_000


def segmenter(required_ms: int = 20_000, checkpoint: Checkpoint = ORIGIN) -> Segmenter:
    return Segmenter(SilenceSchedule((ScheduleStep(None, required_ms),)), CAP, checkpoint)


def cut(machine: Segmenter, given: list[Hop]) -> Closed:
    """The first segment that closes; all hops must have been needed for it."""
    for hop in given:
        for action in machine.advance(hop):
            if isinstance(action, Closed):
                assert hop is given[-1]
                return action
    raise AssertionError("nothing was cut")


def pieces(*counts: tuple[str, int]) -> list[Hop]:
    return hops(", ".join(f"{name} {count * HOP_S}" for name, count in counts))


def quieter(given: list[Hop], *where: int) -> list[Hop]:
    return [hop._replace(loudness=0.05) if index in where else hop for index, hop in enumerate(given)]


def test_speech_without_a_pause_is_cut_behind_its_quietest_hop() -> None:
    closed = cut(segmenter(), quieter(pieces(("speech", CAP_HOPS)), 150))
    at = 151 * HOP_SAMPLES
    assert (closed.end, closed.audio_to, closed.endpoint) == (at, at, at)
    assert closed.reason is EndpointReason.MAX_LENGTH
    assert closed.checkpoint == Checkpoint(at, at, 1, in_speech=True)


def test_a_quiet_hop_in_the_first_half_is_too_early_to_cut() -> None:
    given = quieter(pieces(("speech", CAP_HOPS)), 20)
    given[20] = given[20]._replace(loudness=0.0)
    assert cut(segmenter(), given).endpoint >= CAP // 2


def test_of_two_equally_quiet_hops_the_earlier_one_is_cut() -> None:
    closed = cut(segmenter(), quieter(pieces(("speech", CAP_HOPS)), 130, 170))
    assert closed.endpoint == 131 * HOP_SAMPLES


@pytest.mark.parametrize("lead", range(4))
def test_no_segment_is_longer_than_the_cap(lead: int) -> None:
    odd_cap = CAP - 17
    schedule = SilenceSchedule((ScheduleStep(None, 20_000),))
    machine = Segmenter(schedule, odd_cap, ORIGIN)
    given = pieces(("silence", lead), ("speech", CAP_HOPS))
    fading = [hop._replace(loudness=1 / (1 + index)) for index, hop in enumerate(given)]
    [closed] = [action for hop in fading for action in machine.advance(hop) if isinstance(action, Closed)]
    assert odd_cap - 2 * HOP_SAMPLES < closed.endpoint - closed.segment.start <= odd_cap


def test_the_rest_of_a_cut_goes_on_as_the_next_open_segment() -> None:
    machine = segmenter()
    closed = cut(machine, quieter(pieces(("speech", CAP_HOPS)), 150))
    assert machine.open_segment == OpenSegment(1, closed.endpoint, closed.endpoint)
    assert machine.state is SegmenterState.SPEECH


def test_a_pause_is_a_better_place_than_the_quietest_hop() -> None:
    given = quieter(pieces(("speech", 150), ("silence", 7), ("speech", CAP_HOPS - 157)), 180)
    given[180] = given[180]._replace(loudness=0.0)
    closed = cut(segmenter(), given)
    assert closed.end == 150 * HOP_SAMPLES - END_LAG
    assert closed.endpoint == 153 * HOP_SAMPLES
    assert closed.checkpoint == Checkpoint(
        max(closed.end, closed.endpoint - PRE_ROLL - ONSET_LAG), closed.endpoint, 1, in_speech=False
    )


def test_the_segment_after_a_pause_begins_with_its_own_speech() -> None:
    machine = segmenter()
    closed = cut(machine, pieces(("speech", 150), ("silence", 7), ("speech", CAP_HOPS - 157)))
    assert machine.open_segment is None
    for hop in hops(f"silence {4 * HOP_S}, speech 1", closed.endpoint):
        machine.advance(hop)
    start = 157 * HOP_SAMPLES - ONSET_LAG
    assert machine.open_segment == OpenSegment(1, start, start - PRE_ROLL)


def test_the_longest_pause_wins_and_of_equals_the_later() -> None:
    given = pieces(("speech", 110), ("silence", 4), ("speech", 10), ("silence", 6), ("speech", 10))
    given = [*given, *pieces(("silence", 6), ("speech", CAP_HOPS - 146))]
    closed = cut(segmenter(), [_moved(hop, index) for index, hop in enumerate(given)])
    assert closed.end == 140 * HOP_SAMPLES - END_LAG
    assert closed.endpoint == 143 * HOP_SAMPLES


@pytest.mark.parametrize(("pause_hops", "in_speech"), [(2, True), (3, False)])
def test_a_pause_has_three_hops(pause_hops: int, in_speech: bool) -> None:
    given = pieces(("speech", 150), ("silence", pause_hops), ("speech", CAP_HOPS - 150 - pause_hops))
    assert cut(segmenter(), given).checkpoint.in_speech is in_speech


def test_two_hops_at_the_edge_of_what_is_remembered_are_no_pause() -> None:
    given = pieces(("speech", CAP_HOPS // 2), ("silence", 2), ("speech", CAP_HOPS // 2 - 2))
    assert cut(segmenter(), given).checkpoint.in_speech


def test_a_pause_that_still_lasts_is_cut_in_its_middle() -> None:
    closed = cut(segmenter(), pieces(("speech", 180), ("silence", 20)))
    assert closed.end == 180 * HOP_SAMPLES - END_LAG
    assert closed.endpoint == 190 * HOP_SAMPLES


def test_a_pause_longer_than_what_is_remembered_still_ends_with_the_speech() -> None:
    closed = cut(segmenter(), pieces(("speech", 20), ("silence", CAP_HOPS - 20)))
    assert closed.end == 20 * HOP_SAMPLES - END_LAG
    assert closed.endpoint == 150 * HOP_SAMPLES


def test_an_endpoint_that_is_due_comes_before_the_cap() -> None:
    given = pieces(("speech", CAP_HOPS - 13), ("silence", 13))
    due_at_the_cap_ms = samples_to_ms(13 * HOP_SAMPLES + END_LAG)
    assert cut(segmenter(due_at_the_cap_ms), given).reason is EndpointReason.SILENCE
    assert cut(segmenter(due_at_the_cap_ms + 1), given).reason is EndpointReason.MAX_LENGTH


def _moved(hop: Hop, index: int) -> Hop:
    return hop._replace(start=index * HOP_SAMPLES, end=(index + 1) * HOP_SAMPLES)


def test_a_cut_is_never_farther_back_than_half_the_cap() -> None:
    for pause_at in range(100, 195, 8):
        given = pieces(("speech", pause_at), ("silence", 4), ("speech", CAP_HOPS - pause_at - 4))
        closed = cut(segmenter(), given)
        assert 0 < CAP - closed.endpoint <= CAP // 2


def test_a_cut_of_a_long_segment_is_looked_for_in_its_newest_seconds_only() -> None:
    long_cap = 900
    machine = Segmenter(SilenceSchedule((ScheduleStep(None, 20_000),)), long_cap * HOP_SAMPLES, ORIGIN)
    too_early, early_enough = long_cap - 160, long_cap - 100
    given = quieter(pieces(("speech", long_cap)), early_enough)
    given[too_early] = given[too_early]._replace(loudness=0.0)
    closed = cut(machine, given)
    assert closed.endpoint == (early_enough + 1) * HOP_SAMPLES
    assert long_cap * HOP_SAMPLES - closed.endpoint <= LOOK_BACK


def test_the_rest_of_a_cut_that_holds_no_speech_has_nothing_to_be_decoded() -> None:
    machine = segmenter(required_ms=320, checkpoint=Checkpoint(0, 0, 1, in_speech=True))
    closed = cut(machine, pieces(("silence", 11)))
    assert (closed.segment.start, closed.end, closed.audio_to) == (0, 0, 0)


@pytest.mark.parametrize("reason", [EndpointReason.COMMIT, EndpointReason.STOP])
def test_neither_has_one_that_is_ended_before_the_vad_has_heard_a_hop_of_it(reason: EndpointReason) -> None:
    closed = segmenter(checkpoint=Checkpoint(0, 0, 1, in_speech=True)).close(HOP_SAMPLES - 1, reason)
    assert closed is not None
    assert (closed.end, closed.audio_to, closed.endpoint) == (0, 0, HOP_SAMPLES - 1)
