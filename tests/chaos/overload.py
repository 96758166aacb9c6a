"""Loads of so many clients, each of which wants a session all the time, and what became of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.errors import Overloaded
from tests.chaos.figures import behind, finals, quantile, quantiles
from tests.chaos.history import History
from tests.chaos.laws import check
from tests.chaos.recorder import record
from tests.chaos.script import Script
from tests.chaos.size import ARRIVAL_S
from tests.chaos.violations import Violation
from tests.support.trouble import SCHEDULE, SEED

# Who is let in later than that has no sentence worth measuring.
_TOO_LATE_S: Final = 4.0
# A machine that holds the clients up by more than this (seconds) holds up everything, and its times say
# nothing of admission. So often a load is run at most; the last time counts, whatever held it up.
_HELD_UP_S: Final = 0.1
_ATTEMPTS: Final = 3
# For reports of what has ended to arrive.
CALM_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Load:
    """The sessions of one load, those that were refused included; a client that comes again has several."""

    name: str
    histories: tuple[History, ...]

    @property
    def refused(self) -> tuple[History, ...]:
        return tuple(history for history in self.histories if _is_refused(history))

    @property
    def admitted(self) -> tuple[History, ...]:
        return tuple(history for history in self.histories if not _is_refused(history))

    @property
    def final_latencies(self) -> list[float]:
        return [delay.seconds for history in self.admitted for delay in finals(history)]

    @property
    def held_up(self) -> bool:
        return max(map(behind, self.admitted), default=0) > _HELD_UP_S

    @property
    def final_p99(self) -> float:
        return quantile(self.final_latencies, 0.99)

    @property
    def answers(self) -> list[float]:
        """Seconds from each START that was refused to its answer."""
        return [each.received[0].at - each.asked_at for each in self.refused if each.received]

    @property
    def violations(self) -> list[Violation]:
        return [violation for history in self.admitted for violation in check(history)]

    def figures(self) -> list[tuple[str, str]]:
        return [
            (f"{self.name}: sessions", f"{len(self.admitted)}, {len(self.final_latencies)} sentences"),
            (f"{self.name}: endpoint to sentence", quantiles(self.final_latencies)),
            (f"{self.name}: refused", str(len(self.refused))),
            (f"{self.name}: START to refusal", quantiles(self.answers)),
            (f"{self.name}: behind real time", quantiles([behind(history) for history in self.admitted])),
        ]


def _is_refused(history: History) -> bool:
    return history.close_code == Overloaded.close_code


async def loads(name: str, url: str, clients: int, seconds: float) -> list[Load]:
    """Until nothing held the clients up; the last one is the one to be judged."""
    done = [await load(name, url, clients, seconds)]
    while done[-1].held_up and len(done) < _ATTEMPTS:
        done.append(await load(name, url, clients, seconds))
    return done


async def load(name: str, url: str, clients: int, seconds: float) -> Load:
    """They come one after another; who is refused comes again when he was told to."""
    histories: list[History] = []
    ends_at = time.monotonic() + seconds
    rng = random.Random(SEED)
    async with asyncio.TaskGroup() as tasks:
        for number in range(clients):
            arrives_s = ARRIVAL_S * number + rng.uniform(0, ARRIVAL_S)
            tasks.create_task(_client(url, number, arrives_s, ends_at, histories), name=f"client-{number}")
    await asyncio.sleep(CALM_S)
    return Load(name, tuple(histories))


async def _client(url: str, number: int, arrives_s: float, ends_at: float, into: list[History]) -> None:
    await asyncio.sleep(arrives_s)
    while (left_s := ends_at - time.monotonic()) > _TOO_LATE_S:
        script = Script(number, round(1000 * left_s))
        history = await record(f"{url}/?silence_schedule={SCHEDULE}", script)
        into.append(history)
        if not _is_refused(history):
            return
        await asyncio.sleep(_retry_after_s(history) or 0)


def _retry_after_s(history: History) -> float | None:
    return history.received[0].message.retry_after_s if history.received else None


def untyped(refused: Sequence[History]) -> list[History]:
    """Those that were not told all: code, when to come again, and nothing else."""
    return [
        history
        for history in refused
        if [message.code for message in history.messages] != [Overloaded.code] or not _retry_after_s(history)
    ]
