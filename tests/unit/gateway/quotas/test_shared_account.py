from __future__ import annotations

import pytest

from common.audio import SAMPLE_RATE
from common.errors import AudioQuota
from gateway.access.tenants import Tenant
from gateway.quotas.account import Account
from gateway.quotas.base import Share, Use
from gateway.quotas.shared_account import IDLE_S, SharedAccount, Verdict
from tests.support.use_tables import Guest

TENANT = Tenant("acme", streams=5, audio_seconds_per_minute=60)


def new(tenant: Tenant = TENANT) -> SharedAccount:
    account = SharedAccount(Account(tenant), 0.0)
    account.update(tenant, 0.0, alone=False)
    return account


def told(account: SharedAccount, left_s: float = 60, now: float = 0.0) -> SharedAccount:
    account.answered(account.question(), Share(0, 0, left_s), now)
    return account


def waiting(account: SharedAccount, count: int) -> list[Guest]:
    guests = [Guest() for _ in range(count)]
    account.waiting.update(dict.fromkeys(guests))
    return guests


def codes(verdicts: list[Verdict]) -> list[str | None]:
    return [None if verdict.refusal is None else verdict.refusal.code for verdict in verdicts]


def test_asks_for_all_that_wait_and_tells_all_that_are_inside() -> None:
    account = new()
    account.own.inside = 2
    waiting(account, 3)
    assert account.question().use == Use(TENANT, 2, 3, 60, None)


def test_what_was_heard_is_told_once_the_table_has_answered_before() -> None:
    account = told(new())
    account.hear(SAMPLE_RATE)
    assert account.question().use == Use(TENANT, 0, 0, 59, 1)
    told(account, 59)
    assert account.question().use == Use(TENANT, 0, 0, 59, 0)


def test_those_who_came_first_get_what_is_granted() -> None:
    account = new()
    guests = waiting(account, 3)
    verdicts = account.answered(account.question(), Share(2, 3, 60), 0.0)
    assert [verdict.entrant for verdict in verdicts] == guests
    assert codes(verdicts) == [None, None, "stream_quota"]
    assert (account.own.inside, account.own.elsewhere, account.waiting) == (2, 3, {})


def test_who_has_left_gets_nothing_and_who_came_later_waits() -> None:
    account = new()
    first, second = waiting(account, 2)
    question = account.question()
    [late] = waiting(account, 1)
    account.leave(first, 0.0)
    verdicts = account.answered(question, Share(1, 0, 60), 0.0)
    assert [verdict.entrant for verdict in verdicts] == [second]
    assert (codes(verdicts), account.own.inside, list(account.waiting)) == ([None], 1, [late])
    account.leave(second, 0.0)
    assert account.own.inside == 0


def test_nobody_begins_without_the_audio_for_it() -> None:
    account = new()
    waiting(account, 1)
    assert codes(account.answered(account.question(), Share(1, 0, 4.9), 0.0)) == ["audio_quota"]
    assert account.own.inside == 0


def test_what_is_heard_while_the_table_answers_is_taken_off_the_answer() -> None:
    account = told(new())
    account.hear(10 * SAMPLE_RATE)
    question = account.question()
    account.hear(SAMPLE_RATE)
    account.answered(question, Share(0, 0, 20), 0.0)
    assert account.question().use == Use(TENANT, 0, 0, 19, 1)


def test_a_quota_that_came_or_went_while_the_table_answers_is_not_mixed_up() -> None:
    free = Tenant("acme")
    account = new(free)
    question = account.question()
    account.update(TENANT, 0.0, alone=False)
    account.answered(question, Share(0, 0, 0), 0.0)
    assert account.question().use == Use(TENANT, 0, 0, 60, None)
    question = account.question()
    account.update(free, 0.0, alone=False)
    account.answered(question, Share(0, 0, 30), 0.0)
    assert account.question().use == Use(free, 0, 0, 0, None)


def test_the_table_hears_of_audio_before_it_is_much() -> None:
    account = told(new())
    assert not account.hear(7_999)
    assert account.hear(1)
    assert account.hear(1)
    told(account)
    assert not account.hear(1)


def test_much_is_what_a_quota_gives_in_half_a_second() -> None:
    great = told(new(Tenant("acme", audio_seconds_per_minute=6_000)), 6_000)
    assert not great.hear(49 * SAMPLE_RATE)
    assert great.hear(SAMPLE_RATE)


def test_where_nothing_is_told_nothing_is_much() -> None:
    assert not new().hear(30 * SAMPLE_RATE)
    assert not new(Tenant("acme")).hear(1_000 * SAMPLE_RATE)


def test_left_alone_it_counts_by_itself() -> None:
    account = new()
    account.answered(account.question(), Share(0, 5, 20), 0.0)
    guests = waiting(account, 6)
    verdicts = account.left_alone(10.0)
    assert codes(verdicts) == [None] * 5 + ["stream_quota"]
    assert [verdict.entrant for verdict in verdicts] == guests
    # It has filled since the last answer.
    assert account.question().use == Use(TENANT, 5, 0, 30, None)


def test_only_the_table_fills_the_bucket_while_it_answers() -> None:
    account = told(new(), left_s=1)
    account.update(TENANT, 10.0, alone=False)
    with pytest.raises(AudioQuota):
        account.hear(2 * SAMPLE_RATE)
    account.update(TENANT, 10.0, alone=True)
    account.hear(2 * SAMPLE_RATE)


@pytest.mark.parametrize(
    ("tenant", "limited"),
    [(TENANT, True), (Tenant("a"), False), (Tenant("a", 1), True), (Tenant("a", None, 1), True)],
)
def test_is_limited_by_either_quota(tenant: Tenant, limited: bool) -> None:
    assert new(tenant).is_limited == limited


def test_is_idle_when_nobody_has_used_it_for_a_minute() -> None:
    account = new()
    [guest] = waiting(account, 1)
    later = IDLE_S + 1
    assert not account.is_idle(later)
    account.leave(guest, 0.0)
    assert account.is_idle(later) and not account.is_idle(IDLE_S)
    account.own.inside = 1
    assert not account.is_idle(later)
    account.leave(guest, later)
    assert not account.is_idle(later)
