from __future__ import annotations

import pytest

from bench.live_material import Stretch
from bench.live_measures import (
    Punctuality,
    SpeechClock,
    Spread,
    after_cap,
    after_endpoint,
    after_speech_end,
    after_stop,
    first_partial,
    gaps,
    lags,
    punctuality,
    repeated,
    spread,
    unheard,
)
from bench.live_trace import Ending, Locked, Partial, StreamPlan, StreamTrace

INTERVAL_S = 0.5
TEN_SECONDS = (Stretch(0.0, 10.0),)
STOPPED = Ending(ended_s=10.2, stop_s=10.0, final_s=10.1)


def trace(*partials: Partial, locked: tuple[Locked, ...] = (), ending: Ending = STOPPED) -> StreamTrace:
    plan = StreamPlan(number=0, url="ws://server", delay_s=0.0, offset=0)
    return StreamTrace(plan, "0", partials, locked, ending)


def partial(at_s: float, covers_s: float) -> Partial:
    return Partial(at_s, covers_s, provisional=True)


def on_time(until_s: float, lag_s: float = 0.1) -> list[Partial]:
    """A partial for every half second of audio."""
    return [partial(half / 2 + lag_s, half / 2) for half in range(1, int(2 * until_s) + 1)]


def judged(*partials: Partial, ending: Ending = STOPPED) -> Punctuality:
    return punctuality(trace(*partials, ending=ending), SpeechClock(TEN_SECONDS), INTERVAL_S)


def test_ranks_are_values_that_occurred() -> None:
    assert spread(number / 1000 for number in range(1, 101)) == Spread(100, p50=50, p95=95, p99=99, max=100)
    assert spread([0.2]) == Spread(1, 200, 200, 200, 200)
    assert spread([]) == Spread(0)


def test_speech_clock_stands_still_in_pauses() -> None:
    clock = SpeechClock((Stretch(1.0, 2.0), Stretch(3.0, 5.0)))
    assert [clock.heard(at_s) for at_s in (0.5, 1.5, 2.5, 4.0, 9.0)] == pytest.approx([0, 0.5, 1, 2, 3])
    assert clock.between(1.5, 3.5) == pytest.approx(1.0)


def test_clock_of_a_stream_without_sound_stays_at_zero() -> None:
    assert SpeechClock(()).heard(5.0) == 0.0


def test_partials_on_time_are_due_and_none_is_late() -> None:
    # The one for the last half second comes behind STOP.
    assert judged(*on_time(10.0)) == Punctuality(due=19, late=0)


def test_gap_of_up_to_two_intervals_is_not_late() -> None:
    without_third = [one for one in on_time(9.5, lag_s=0.0) if one.covers_s != 1.5]
    assert judged(*without_third).late == 0


def test_each_interval_of_a_longer_gap_is_a_late_partial() -> None:
    # What covers 1.0 s is followed by what covers 4.0 s: due at 1.5, 2.0 ... 4.0, and only the last two
    # of these six were there within an interval.
    gap = [one for one in on_time(9.5, lag_s=0.0) if not 1.0 < one.covers_s < 4.0]
    assert judged(*gap) == Punctuality(due=19, late=4)


def test_every_partial_with_a_lag_above_an_interval_is_late() -> None:
    assert judged(*on_time(9.0, lag_s=0.55)) == Punctuality(due=18, late=18)
    assert judged(*on_time(9.0, lag_s=0.45)).late == 0


def test_lag_and_gap_together_count_each_due_partial_once() -> None:
    every_second = [one for one in on_time(9.0, lag_s=3.0) if one.covers_s % 1 == 0]
    counted = judged(*every_second)
    # The newest audio shown at STOP is 3 s old: what fell due in it and is over an interval late counts, too.
    assert counted == Punctuality(due=7 * 2 + 4, late=7 * 2 + 4)


def test_stream_without_any_partial_missed_all_but_the_newest_due() -> None:
    assert judged() == Punctuality(due=18, late=18)


def test_stream_that_was_lost_owes_nothing_afterwards() -> None:
    lost = Ending(ended_s=2.3, error="worker_lost")
    assert judged(*on_time(2.0), ending=lost) == Punctuality(due=4, late=0)


def test_nothing_falls_due_in_a_pause() -> None:
    clock = SpeechClock((Stretch(0.0, 1.0), Stretch(6.0, 7.0)))
    said = trace(partial(0.6, 0.5), partial(1.1, 1.0), partial(6.6, 6.5), partial(7.1, 7.0))
    assert punctuality(said, clock, INTERVAL_S) == Punctuality(due=4, late=0)
    assert gaps(said, clock) == pytest.approx([0.4, 0.6, 0.4])


def test_locked_text_covers_audio_and_is_no_partial() -> None:
    locked = Partial(3.1, 3.0, provisional=False)
    said = trace(partial(0.6, 0.5), locked, partial(3.6, 3.5))
    clock = SpeechClock((Stretch(0.0, 3.5),))
    assert lags(said, clock) == pytest.approx([0.1, 0.1])
    # Due at 0.5, 1.0 ... 3.5; those from 1.0 to 2.5 s were over an interval late when the text was locked.
    assert punctuality(said, clock, INTERVAL_S) == Punctuality(due=7, late=4)


def test_results_about_nothing_new_are_no_partials() -> None:
    clock = SpeechClock((Stretch(0.0, 1.0), Stretch(3.0, 4.0)))
    in_the_pause = trace(partial(1.1, 1.0), partial(1.2, 1.0), partial(2.0, 1.9), partial(3.6, 3.5))
    assert len(lags(in_the_pause, clock)) == 2
    assert gaps(in_the_pause, clock) == pytest.approx([0.6])


def test_first_partial_counts_from_the_first_sound() -> None:
    assert first_partial(trace(partial(1.5, 1.4)), (Stretch(0.8, 3.0),)) == pytest.approx(0.7)
    assert first_partial(trace(), TEN_SECONDS) is None
    assert first_partial(trace(Partial(1.0, 0.9, provisional=False)), TEN_SECONDS) is None


@pytest.mark.parametrize(
    ("ending", "waited_s"),
    [
        (Ending(ended_s=10.2, stop_s=10.0, final_s=10.1), 0.1),
        (Ending(ended_s=70.0, stop_s=10.0, error="no_final", waiting=True), 60.0),
        (Ending(ended_s=10.1, stop_s=10.0, error="worker_lost"), None),
        (Ending(ended_s=3.0, error="worker_lost"), None),
    ],
    ids=["came", "still waited for: a lower bound", "lost behind STOP", "lost before STOP"],
)
def test_final_counts_from_stop(ending: Ending, waited_s: float | None) -> None:
    assert after_stop(trace(ending=ending)) == (None if waited_s is None else pytest.approx(waited_s))


def test_sentences_are_timed_by_what_ended_them() -> None:
    silence = Locked(at_s=4.1, start_s=1.0, end_s=2.0, endpoint_s=4.0, reason="silence", characters=5)
    # Cut at 6.5 s, when 5 s of it had been said at 9.0 s.
    cut = Locked(at_s=9.2, start_s=4.0, end_s=6.4, endpoint_s=6.5, reason="max_length", characters=5)
    stop = Locked(at_s=10.1, start_s=6.5, end_s=9.9, endpoint_s=10.0, reason="stop", characters=5)
    said = trace(locked=(silence, cut, stop))
    assert after_endpoint(said) == pytest.approx([0.1])
    assert after_cap(said, cap_s=5.0) == pytest.approx([0.2])
    assert after_speech_end(said) == pytest.approx([2.1])


def test_sentences_without_endpoints_are_timed_from_the_end_of_speech() -> None:
    unnamed = Locked(at_s=4.5, start_s=1.0, end_s=2.0, endpoint_s=None, reason=None, characters=5)
    assert after_speech_end(trace(locked=(unnamed,))) == pytest.approx([2.5])
    assert after_endpoint(trace(locked=(unnamed,))) == []


def said(start_s: float, end_s: float) -> Locked:
    return Locked(end_s + 0.1, start_s, end_s, None, None, 10)


@pytest.mark.parametrize(
    ("locked", "missing_s"),
    [
        ((said(0.0, 10.0),), 0.0),
        ((said(0.2, 4.0), said(4.1, 9.9)), 0.2),
        ((said(0.0, 4.0), said(7.0, 10.0)), 3.0),
        ((said(0.0, 4.0),), 6.0),
        ((said(0.0, 6.0), said(1.0, 4.0), said(7.0, 10.0)), 1.0),
        ((), 10.0),
    ],
)
def test_speech_in_no_sentence_is_found(locked: tuple[Locked, ...], missing_s: float) -> None:
    assert unheard(trace(locked=locked), SpeechClock(TEN_SECONDS)) == pytest.approx(missing_s)


def test_pauses_need_no_sentence_and_lost_streams_are_counted_elsewhere() -> None:
    clock = SpeechClock((Stretch(0.0, 4.0), Stretch(7.0, 10.0)))
    assert unheard(trace(locked=(said(0.0, 4.0), said(7.0, 10.0))), clock) == pytest.approx(0.0)
    assert unheard(trace(ending=Ending(3.0, error="worker_lost")), clock) is None


def test_what_is_locked_twice_is_counted() -> None:
    assert repeated(trace(locked=(said(0.0, 4.0), said(4.0, 7.0)))) == 0
    assert repeated(trace(locked=(said(0.0, 4.0), said(3.5, 7.0), said(3.5, 7.0)))) == 2
