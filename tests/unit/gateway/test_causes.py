"""Learning how a worker ended, from a supervisor that is the test, and from one that answers over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from common.ends import ChildEnd, Ends
from common.link import LINK_VERSION, Hello
from common.ops_client import FetchFailed
from common.ops_server import OpsServer, Reply, json_reply
from gateway import causes
from gateway.causes import Causes, fetch_ends
from gateway.death import Cause, Death
from tests.support.aio import run, turns

URL = "http://supervisor/ends"
WORKER = Hello(LINK_VERSION, "0", 1, "", incarnation="5f", ends_url=URL)
RUNS = Ends(running=("5f",))
KILLED = ChildEnd("5f", "was ended by SIGKILL", by_itself=False)
CRASHED = ChildEnd("5f", "was ended by SIGSEGV", by_itself=True)
OTHER = ChildEnd("60", "exited with code 4", by_itself=True)


class Supervisor:
    """Gives these answers, the last one for ever."""

    def __init__(self, *answers: Ends | Exception) -> None:
        self.asked = 0
        self._answers = answers

    async def __call__(self, url: str) -> Ends:
        assert url == URL
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def asking(supervisor: Supervisor) -> AsyncIterator[Causes]:
    asks = Causes(supervisor)
    task = asyncio.create_task(asks.run())
    try:
        yield asks
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def learnt(asks: Causes, worker: Hello = WORKER) -> Cause | None:
    return (await learnt_death(asks, worker)).cause


async def learnt_death(asks: Causes, worker: Hello = WORKER) -> Death:
    death, known = Death(), asyncio.Event()
    death.when_known(known.set)
    asks.ask(worker, death)
    await known.wait()
    return death


def cause_from(*answers: Ends | Exception, worker: Hello = WORKER) -> tuple[Cause | None, int]:
    """The cause, and how often was asked for it."""

    async def scenario() -> tuple[Cause | None, int]:
        supervisor = Supervisor(*answers)
        async with asking(supervisor) as asks:
            return await learnt(asks, worker), supervisor.asked

    return run(scenario())


def test_the_supervisor_says_who_did_it() -> None:
    assert cause_from(Ends(ended=(OTHER, CRASHED))) == (Cause.ITSELF, 1)
    assert cause_from(Ends(ended=(OTHER, KILLED))) == (Cause.OUTSIDE, 1)


def test_the_supervisor_names_the_fault_of_the_card() -> None:
    async def scenario() -> None:
        lost = ChildEnd("5f", "could not use its card", by_itself=True, fault="c0")
        async with asking(Supervisor(Ends(ended=(lost,)))) as asks:
            assert (await learnt_death(asks)).fault == "c0"

    run(scenario())


def test_it_is_asked_again_until_it_knows() -> None:
    away = FetchFailed(URL, "timed out")
    assert cause_from(RUNS, away, RUNS, Ends(ended=(CRASHED,))) == (Cause.ITSELF, 4)


def test_somebody_elses_supervisor_knows_nothing() -> None:
    assert cause_from(Ends(running=("60",), ended=(OTHER,))) == (Cause.UNKNOWN, 1)


def test_a_worker_without_a_supervisor_has_nobody_to_ask() -> None:
    assert cause_from(RUNS, worker=Hello(LINK_VERSION, "0", 1, "")) == (Cause.UNKNOWN, 0)


@pytest.mark.parametrize("answer", [RUNS, FetchFailed(URL, "refused")])
def test_nobody_waits_for_ever(answer: Ends | Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "PATIENCE_S", 0.05)
    cause, asked = cause_from(answer)
    assert cause is Cause.UNKNOWN and asked >= 2


@pytest.mark.parametrize(
    ("answers", "cause", "asked"),
    [
        ((RUNS, RUNS, Ends(ended=(CRASHED,))), Cause.ITSELF, 3),
        # Somebody else's supervisor by now.
        ((RUNS, Ends()), Cause.UNKNOWN, 2),
        ((RUNS, FetchFailed(URL, "refused")), Cause.UNKNOWN, 2),
        ((RUNS,), Cause.UNKNOWN, 4),
    ],
)
def test_a_worker_that_stands_still_is_asked_about_until_its_supervisor_has_ended_it(
    answers: tuple[Ends | Exception, ...], cause: Cause, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(causes, "PATIENCE_S", 0.0)
    monkeypatch.setattr(causes, "_LATE_ASKS", 3)
    monkeypatch.setattr(causes, "_ASKED_AGAIN_S", 0.0)

    async def scenario() -> None:
        supervisor = Supervisor(*answers)
        async with asking(supervisor) as asks:
            death = await learnt_death(asks)
            assert (death.cause, supervisor.asked) == (Cause.UNKNOWN, 1)
            await turns(20)
            assert (death.cause, supervisor.asked) == (cause, asked)

    run(scenario())


def test_one_that_is_waited_for_does_not_hold_up_the_others() -> None:
    async def scenario() -> None:
        # The first worker is never known to have ended, the second at once.
        async with asking(Supervisor(RUNS, Ends(running=("5f",), ended=(OTHER,)))) as asks:
            waited = asyncio.create_task(learnt(asks))
            await asyncio.sleep(0)
            other = Hello(LINK_VERSION, "1", 1, "", incarnation="60", ends_url=URL)
            assert await learnt(asks, other) is Cause.ITSELF
            assert not waited.done()
            waited.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waited

    run(scenario())


def test_ends_come_over_http() -> None:
    ends = Ends(("5f",), (OTHER, KILLED))
    replies: dict[str, Reply] = {"good": json_reply(ends), "bad": json_reply({"ended": 3})}
    server = OpsServer("127.0.0.1", 0, {f"/{name}": lambda name=name: replies[name] for name in replies})  # type: ignore[misc]
    server.start()
    try:
        address = f"http://127.0.0.1:{server.port}"
        assert run(fetch_ends(f"{address}/good")) == ends
        with pytest.raises(FetchFailed, match="no list of ends"):
            run(fetch_ends(f"{address}/bad"))
    finally:
        server.close()
