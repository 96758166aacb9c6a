from __future__ import annotations

import pytest

from common.errors import EngineFailed, SessionEvicted
from gateway.death import Cause, Death
from gateway.strikes import FATAL, MAX_FAILURES, MAX_LOSSES, Strikes, Verdict


def dead(cause: Cause | None) -> Death:
    death = Death()
    if cause is not None:
        death.known(cause)
    return death


def struck(*deaths: tuple[tuple[int, ...], Cause | None]) -> Strikes:
    """What was in decode at each death, and how the worker ended."""
    strikes = Strikes()
    for segments, cause in deaths:
        strikes.decoding(segments)
        strikes.lost(dead(cause))
        strikes.decoding(())
    return strikes


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (Cause.ITSELF, Cause.ITSELF, Verdict.POISON),
        (Cause.ITSELF, None, Verdict.HOLD),
        (None, Cause.ITSELF, Verdict.HOLD),
        (None, None, Verdict.HOLD),
        (Cause.ITSELF, Cause.OUTSIDE, Verdict.PLACE),
        (Cause.OUTSIDE, Cause.ITSELF, Verdict.PLACE),
        (Cause.OUTSIDE, None, Verdict.PLACE),
        (Cause.ITSELF, Cause.UNKNOWN, Verdict.PLACE),
        (Cause.UNKNOWN, Cause.UNKNOWN, Verdict.PLACE),
    ],
)
def test_two_deaths_of_one_segment_are_judged_by_their_causes(
    first: Cause | None, second: Cause | None, verdict: Verdict
) -> None:
    assert struck(((3,), first), ((3,), second)).verdict is verdict


def test_all_that_one_fault_of_the_card_ended_is_one_death() -> None:
    strikes = Strikes()
    verdicts = []
    for fault in ("5f", "5f", "60"):
        death = Death()
        death.known(Cause.ITSELF, fault)
        strikes.decoding((3,))
        strikes.lost(death)
        verdicts.append(strikes.verdict)
    assert verdicts == [Verdict.PLACE, Verdict.PLACE, Verdict.POISON]
    assert strikes.suspects == (3,)


@pytest.mark.parametrize("cause", [None, *Cause])
def test_after_one_death_it_is_placed_at_once(cause: Cause | None) -> None:
    assert struck(((3,), cause)).verdict is Verdict.PLACE


def test_a_verdict_follows_what_becomes_known() -> None:
    for cause, verdict in ((Cause.ITSELF, Verdict.POISON), (Cause.OUTSIDE, Verdict.PLACE)):
        death = Death()
        strikes = struck(((0,), Cause.ITSELF))
        strikes.decoding((0,))
        strikes.lost(death)
        assert strikes.verdict is Verdict.HOLD
        death.known(cause)
        assert strikes.verdict is verdict


def test_who_was_not_in_decode_is_not_to_blame() -> None:
    strikes = struck(*[((), Cause.ITSELF)] * MAX_LOSSES)
    assert (strikes.verdict, strikes.suspects) == (Verdict.PLACE, ())


def test_deaths_count_for_each_segment() -> None:
    assert struck(((3,), Cause.ITSELF), ((4,), Cause.ITSELF)).verdict is Verdict.PLACE
    assert struck(((3, 4), Cause.ITSELF), ((4, 5), Cause.ITSELF)).verdict is Verdict.POISON


def test_a_segment_that_is_locked_was_innocent() -> None:
    strikes = struck(((3, 4), Cause.ITSELF))
    suspects = [strikes.suspects]
    strikes.reached(4)
    suspects.append(strikes.suspects)
    strikes.decoding((4,))
    strikes.lost(dead(Cause.ITSELF))
    assert strikes.verdict in FATAL
    strikes.reached(5)
    suspects.append(strikes.suspects)
    assert (strikes.verdict, suspects) == (Verdict.PLACE, [(3, 4), (4,), ()])


@pytest.mark.parametrize(
    ("cause", "suspects"), [(None, (0,)), (Cause.ITSELF, (0,)), (Cause.UNKNOWN, (0,)), (Cause.OUTSIDE, ())]
)
def test_it_is_suspect_unless_somebody_from_outside_is_known_to_be_the_cause(
    cause: Cause | None, suspects: tuple[int, ...]
) -> None:
    assert struck(((0,), cause)).suspects == suspects


def test_failures_count_until_the_segment_is_locked() -> None:
    strikes = Strikes()
    for _ in range(MAX_FAILURES - 1):
        strikes.refused(EngineFailed.code)
    strikes.reached(0)
    verdicts = [strikes.verdict]
    strikes.reached(1)
    for _ in range(MAX_FAILURES):
        strikes.refused(EngineFailed.code)
        verdicts.append(strikes.verdict)
    assert verdicts == [Verdict.PLACE, Verdict.PLACE, Verdict.POISON]


def test_workers_that_somebody_else_kills_are_nobodys_fault_who_was_not_in_decode() -> None:
    assert struck(*[((), Cause.OUTSIDE)] * 50).verdict is Verdict.PLACE


@pytest.mark.parametrize(
    ("segments", "cause"), [((), None), ((), Cause.ITSELF), ((), Cause.UNKNOWN), ((0,), Cause.OUTSIDE)]
)
def test_other_losses_are_bad_luck_up_to_a_bound(segments: tuple[int, ...], cause: Cause | None) -> None:
    strikes = Strikes()
    verdicts = []
    for _ in range(MAX_LOSSES + 1):
        strikes.decoding(segments)
        strikes.lost(dead(cause))
        verdicts.append(strikes.verdict)
    assert verdicts == [Verdict.PLACE] * MAX_LOSSES + [Verdict.UNLUCKY]


def test_a_worker_that_lives_on_makes_nobody_suspect() -> None:
    strikes = Strikes()
    strikes.decoding((0,))
    strikes.refused(SessionEvicted.code)
    assert strikes.suspects == ()


def test_it_says_whether_it_may_be_the_cause() -> None:
    strikes = Strikes()
    assert not strikes.lost(Death())
    strikes.decoding((0,))
    assert strikes.lost(Death())


def test_what_ends_a_session_has_its_words() -> None:
    assert {verdict.name: failed and failed.code for verdict, failed in FATAL.items()} == {
        "POISON": "engine_failed",
        "UNLUCKY": None,
    }
