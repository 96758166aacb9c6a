from __future__ import annotations

from gateway.death import Cause, Death


def test_all_who_wait_are_told_once_and_the_first_word_counts() -> None:
    death, told = Death(), list[str]()
    death.when_known(lambda: told.append("one"))
    death.when_known(lambda: told.append("two"))
    assert (death.cause, told) == (None, [])
    for cause in (Cause.ITSELF, Cause.OUTSIDE):
        death.known(cause)
        assert (death.cause, told) == (Cause.ITSELF, ["one", "two"])


def test_what_nobody_knew_may_become_known_and_all_are_told_again() -> None:
    death, told = Death(), list[Cause | None]()
    death.when_known(lambda: told.append(death.cause))
    for cause in (Cause.UNKNOWN, Cause.UNKNOWN, Cause.ITSELF, Cause.OUTSIDE):
        death.known(cause)
    assert told == [Cause.UNKNOWN, Cause.ITSELF]


def test_what_is_known_may_be_a_fault_of_the_card() -> None:
    death = Death()
    assert death.fault == ""
    death.known(Cause.ITSELF, "5f")
    assert (death.cause, death.fault) == (Cause.ITSELF, "5f")
