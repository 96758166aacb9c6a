"""One VAD for all sessions: each tick takes hops from everyone who has some, and hears them in rounds.

Those who are far behind come after all others, one after the other. So when a worker takes over a hundred
sessions, the first of them is beside the others at once, instead of all of them seconds later.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, Protocol

from common.audio import Samples
from common.clock import Clock
from worker.engines.base import EngineDead
from worker.failures import FailuresInARow
from worker.metrics import WorkerMetrics
from worker.pipeline.hop import DetectorLag
from worker.vad.base import VadModel, VadState
from worker.vad.hearing import Heard, HeardHop, Wanted, hear
from worker.vad.turns import Turns

# Hops that become ready within this time share a call. Small beside a hop (32 ms), long beside the call.
GATHER_S: Final = 0.008
LANES: Final = 2
# From one session in one tick: half a second, so that one sent back by a cut is soon beside the others.
MAX_HOPS: Final = 16
# From all in one tick, as long as that is one or more for each: a hop that becomes ready meanwhile waits so
# long (some 5 ms with Silero), and so does whatever else the loop has to do once they are heard.
TICK_HOPS: Final = 128
# Far beyond any call, however loaded the machine.
VAD_LIMIT_S: Final = 30.0


class HopSource(Protocol):
    """A session as the pool sees it."""

    vad_state: VadState

    @property
    def id(self) -> str: ...

    @property
    def catching_up(self) -> bool:
        """More waits than a live client sends at once."""
        ...

    def next_hops(self, limit: int) -> list[Samples]:
        """The hops at the cursor in order, `limit` at most; the cursor stays."""
        ...

    def hops_done(self, heard: list[HeardHop]) -> bool:
        """What `next_hops` gave, heard in a row from `vad_state` on; whether there are more now.

        What does not hold any more, as the cursor or the state is another by then, is not used.
        """
        ...

    def cannot_be_heard(self, error: Exception) -> None:
        """The model raises this at what `next_hops` gave, whoever else is heard with it."""
        ...


class _Asked(NamedTuple):
    """What one source wants heard."""

    source: HopSource
    wanted: Wanted


class VadPool:
    """Owns the model and the threads that may call it: while one tick is heard, the results of the other are
    taken and the next one is gathered. With one alone the model waits for the loop half of the time, and 200
    sessions are more than it hears."""

    def __init__(self, model: VadModel, metrics: WorkerMetrics, clock: Clock) -> None:
        self._model = model
        self._metrics = metrics
        self._clock = clock
        self._ready: dict[HopSource, None] = {}
        # Who is being heard, and whether it was offered meanwhile.
        self._in_tick: dict[HopSource, bool] = {}
        self._turns = Turns[HopSource]()
        self._wake = asyncio.Event()
        self._lanes = asyncio.Semaphore(LANES)
        self._threads = ThreadPoolExecutor(LANES, thread_name_prefix="vad")
        self._failures = FailuresInARow()
        self.ticks = 0

    @property
    def lag(self) -> DetectorLag:
        return self._model.lag

    def fresh_state(self) -> VadState:
        return self._model.fresh_state()

    def offer(self, source: HopSource) -> None:
        """The source may have a hop now."""
        self._ready[source] = None
        self._wake.set()

    def withdraw(self, source: HopSource) -> None:
        self._ready.pop(source, None)
        self._turns.leave(source)

    async def run(self) -> None:
        """Serve until cancelled. Raises a group with `EngineDead` if the model does not answer, or at
        none of several sessions but with an error."""
        try:
            async with asyncio.TaskGroup() as ticks:
                while True:
                    await self._wake.wait()
                    await self._lanes.acquire()
                    self._wake.clear()
                    if self._begin_tick(ticks):
                        # Those of this tick are ready at its end, others by then.
                        await asyncio.sleep(GATHER_S)
                    else:
                        self._lanes.release()
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin_tick(self, ticks: asyncio.TaskGroup) -> bool:
        """Whether somebody has a hop. Of those who have, `run` keeps none until the next."""
        batch = self._gather()
        if batch:
            ticks.create_task(self._tick(batch), name="vad:tick")
        return bool(batch)

    async def _tick(self, batch: list[_Asked]) -> None:
        loop = asyncio.get_running_loop()
        # Not the sources: a thread may be the last to let go of what it is given, and what a session frees
        # then is not for threads.
        answer = loop.run_in_executor(self._threads, self._hear, [asked.wanted for asked in batch])
        try:
            heard, busy_s = await asyncio.wait_for(answer, VAD_LIMIT_S)
        except TimeoutError as error:
            raise EngineDead(f"the VAD gave no answer within {VAD_LIMIT_S:.0f} s") from error
        finally:
            self._lanes.release()
        self._metrics.busy("vad", busy_s)
        self.ticks += 1
        self._check(batch, heard)
        for asked, answer_to in zip(batch, heard, strict=True):
            offered = self._in_tick.pop(asked.source)
            if isinstance(answer_to, Exception):
                asked.source.cannot_be_heard(answer_to)
            elif asked.source.hops_done(answer_to) or offered:
                self.offer(asked.source)

    def _check(self, batch: list[_Asked], heard: list[Heard]) -> None:
        """Raises `EngineDead`, before anybody is told of a failure that is not its own."""
        if not all(isinstance(answer, Exception) for answer in heard):
            self._failures.succeeded()
            return
        for asked, error in zip(batch, heard, strict=True):
            in_a_row = self._failures.failed(asked.source.id)
            if self._failures.are_the_models and isinstance(error, Exception):
                raise EngineDead(f"the VAD failed {in_a_row} times in a row") from error

    def _gather(self) -> list[_Asked]:
        """Hops of all that have some; whoever is in the other tick is asked again at its end."""
        offered = [source for source in self._ready if source not in self._in_tick]
        self._in_tick.update(dict.fromkeys(self._ready.keys() & self._in_tick.keys(), True))
        self._ready = {}
        behind = [source for source in offered if source.catching_up]
        batch = self._ask_live([source for source in offered if not source.catching_up])
        batch += self._ask_behind(behind, max(MAX_HOPS, TICK_HOPS - _hops_in(batch)))
        self._in_tick.update((asked.source, False) for asked in batch)
        return batch

    def _ask_live(self, sources: list[HopSource]) -> list[_Asked]:
        limit = _hops_each(len(sources))
        for source in sources:
            self._turns.leave(source)
        return [asked for source in sources if (asked := _asked(source, limit)).wanted.hops]

    def _ask_behind(self, sources: list[HopSource], room: int) -> list[_Asked]:
        """As many as there is room for; the others wait."""
        batch = []
        for source in self._turns.in_order(sources):
            if room <= 0:
                self.offer(source)
                continue
            asked = _asked(source, min(MAX_HOPS, room))
            hops = len(asked.wanted.hops)
            if not hops:
                # It has ended, or waits for its text.
                self._turns.leave(source)
                continue
            room -= hops
            self._turns.took(source, hops)
            batch.append(asked)
        return batch

    def _hear(self, wanted: list[Wanted]) -> tuple[list[Heard], float]:
        """In the thread; timed here, so that waiting for the loop does not count as work."""
        began = self._clock.now()
        heard = hear(self._model, wanted)
        return heard, self._clock.now() - began


def _asked(source: HopSource, limit: int) -> _Asked:
    # In this order: orders that are carried out before the next hop reset the state.
    hops = source.next_hops(limit)
    return _Asked(source, Wanted(hops, source.vad_state))


def _hops_in(batch: list[_Asked]) -> int:
    return sum(len(asked.wanted.hops) for asked in batch)


def _hops_each(sources: int) -> int:
    """How many hops a tick takes from each of so many sources at most."""
    return min(MAX_HOPS, max(1, TICK_HOPS // max(1, sources)))
