from __future__ import annotations

import signal

import pytest

from cli.supervisor import ends
from cli.supervisor.ends import EndBook, Exit, ended_by_itself, exited, hung
from common.ends import ChildEnd, Ends


@pytest.mark.parametrize("code", [0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT])
def test_who_was_told_to_end_or_was_killed_did_not_do_it_itself(code: int) -> None:
    assert not ended_by_itself(code)


@pytest.mark.parametrize("code", [1, 3, 4, 255, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -64])
def test_every_other_end_is_its_own(code: int) -> None:
    assert ended_by_itself(code)


def test_a_process_runs_until_it_has_ended() -> None:
    book = EndBook()
    first, second = book.begins(), book.begins()
    assert book.view == Ends((first, second), ())
    book.ended(first, exited(-signal.SIGSEGV))
    assert book.view == Ends((second,), (ChildEnd(first, "was ended by SIGSEGV", True),))


def test_whoever_is_killed_since_it_hangs_has_ended_by_itself() -> None:
    book = EndBook()
    incarnation = book.begins()
    book.ended(incarnation, hung(-signal.SIGKILL, 60.0))
    assert book.view.ended == (ChildEnd(incarnation, "hung: it said nothing for 60 s", True),)


def test_the_first_word_counts() -> None:
    book = EndBook()
    incarnation = book.begins()
    book.ended(incarnation, exited(4))
    view = book.view
    book.ended(incarnation, None)
    assert book.view == view


def test_a_fault_of_the_card_is_kept_by_its_name() -> None:
    book = EndBook()
    incarnation = book.begins()
    book.ended(incarnation, exited(5), "c0")
    assert book.view.ended == (
        ChildEnd(incarnation, "could not use its card (its own log says why)", True, "c0"),
    )


def test_of_what_never_ran_to_its_end_nothing_is_told() -> None:
    book = EndBook()
    book.ended(book.begins(), None)
    book.ended(book.begins(), Exit(None, "was not ready within 300 s"))
    assert book.view == Ends()


def test_old_ends_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "_KEPT", 2)
    book = EndBook()
    names = [book.begins() for _ in range(3)]
    for name in names:
        book.ended(name, exited(1))
    assert [end.incarnation for end in book.view.ended] == names[1:]
