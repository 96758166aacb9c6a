from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.aio import run, until
from worker import load_news
from worker.load_news import LoadNews


class Told:
    """How often all were told, and of which number, as a worker does it."""

    def __init__(self) -> None:
        self.sessions = 0
        self.numbers: list[int] = []
        self.news = LoadNews(self._tell)

    def _tell(self) -> None:
        self.numbers.append(self.sessions)
        self.news.told(self.sessions)

    def count(self, *numbers: int) -> None:
        for self.sessions in numbers:
            self.news.counted(self.sessions)


def with_told(check: Callable[[Told], None]) -> list[int]:
    """What was told in the end; a timer that is set is awaited."""

    async def scenario() -> list[int]:
        told = Told()
        check(told)
        await asyncio.sleep(0.01)
        return told.numbers

    return run(scenario())


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_news, "TELL_WITHIN_S", 0.0)


def test_all_that_come_within_a_moment_are_told_together() -> None:
    assert with_told(lambda told: told.count(1, 2, 3)) == [3]


def test_one_that_goes_is_told_as_well() -> None:
    def check(told: Told) -> None:
        told.news.told(2)
        told.count(1)

    assert with_told(check) == [1]


@pytest.mark.parametrize(("known", "now", "told_of"), [(63, 64, [64]), (640, 649, []), (640, 650, [650])])
def test_of_many_a_few_are_no_news(known: int, now: int, told_of: list[int]) -> None:
    def check(told: Told) -> None:
        told.news.told(known)
        told.count(now)

    assert with_told(check) == told_of


def test_what_has_been_told_meanwhile_is_not_told_again() -> None:
    def check(told: Told) -> None:
        told.count(1, 2)
        told.news.told(2)

    assert with_told(check) == []


def test_what_changes_afterwards_is_told_anew() -> None:
    async def scenario() -> None:
        told = Told()
        told.count(1)
        await until(lambda: told.numbers == [1])
        told.count(2)
        await until(lambda: told.numbers == [1, 2])

    run(scenario())


def test_what_could_not_be_told_is_told_with_the_next_change() -> None:
    async def scenario() -> None:
        numbers: list[str] = []
        news = LoadNews(lambda: numbers.append("asked"))
        news.counted(1)
        await until(lambda: numbers == ["asked"])
        news.counted(1)
        await until(lambda: numbers == ["asked", "asked"])

    run(scenario())
