from __future__ import annotations

import asyncio

import pytest

from common.registry.base import RegistryAway
from gateway.registry import seed as module
from gateway.registry.seed import Seed, keep_shared
from tests.support.aio import run, until


class Table:
    """Answers what it is given in turn, then for ever the last; None: it is away."""

    def __init__(self, *answers: str | None) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        self.closed = False

    async def keep(self, seed: str) -> str:
        self.asked.append(seed)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            raise RegistryAway("away")
        return answer

    async def close(self) -> None:
        self.closed = True


def test_the_one_in_force_comes_first_and_the_former_ones_are_remembered() -> None:
    seed = Seed("own")
    seed.adopt("own")
    assert seed.known() == ["own"]
    for other in ("one", "two", "one", "three", "four", "five"):
        seed.adopt(other)
    assert (seed.current(), list(seed.known())) == ("five", ["five", "four", "three", "one"])


@pytest.mark.parametrize(("answer", "agreed"), [("theirs", True), (None, False)])
def test_nobody_waits_for_the_seed_longer_than_for_one_answer(answer: str | None, agreed: bool) -> None:
    async def scenario() -> None:
        seed = Seed("own", is_agreed=False)
        keeping = asyncio.create_task(keep_shared(seed, Table(answer)))
        await seed.asked.wait()
        assert seed.is_agreed == agreed
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    run(scenario())


def test_that_of_the_deployment_is_taken_over_also_when_it_comes_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.001)

    async def scenario() -> None:
        seed, table = Seed("own", is_agreed=False), Table("own", None, "theirs")
        assert not seed.is_agreed
        keeping = asyncio.create_task(keep_shared(seed, table))
        await until(lambda: seed.current() == "theirs" and table.asked[-1] == "theirs")
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert (table.asked[:3], table.closed, seed.is_agreed) == (["own", "own", "own"], True, True)

    run(scenario())
