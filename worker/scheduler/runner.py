"""Drives the engine: takes the best request whenever it has room, brings the text back to its session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Hashable
from functools import partial
from typing import Final, Protocol

from common.clock import Clock
from worker.engines.base import EngineDead, EngineError, Hypothesis, SegmentEngine, TranscribeRequest
from worker.failures import FailuresInARow
from worker.in_decode import InDecode
from worker.metrics import WorkerMetrics
from worker.pipeline.effects import Decode, DecodeKind
from worker.scheduler.decode_queue import DecodeKey, DecodeQueue, Queued
from worker.scheduler.gathering import Gathering

log = logging.getLogger(__name__)

# Far beyond any decode, however loaded the machine: an engine that takes longer will not answer at all.
DECODE_LIMIT_S: Final = 60.0


class DecodeOwner(Hashable, Protocol):
    """A session as the scheduler sees it."""

    @property
    def id(self) -> str: ...

    @property
    def catching_up(self) -> bool:
        """More of its audio waits than a live client sends at once."""
        ...

    @property
    def in_decode(self) -> InDecode:
        """Is told what the engine is given, and what it has answered; not what it has died of."""
        ...

    def begun(self, decode: Decode) -> tuple[Decode, TranscribeRequest] | None:
        """The decode with all that it can hear by now, and its audio; None if the session has ended."""
        ...

    def decoded(self, decode: Decode, hypothesis: Hypothesis) -> None: ...

    def decode_failed(self, decode: Decode) -> None: ...


class DecodeScheduler:
    def __init__(self, engine: SegmentEngine, metrics: WorkerMetrics, clock: Clock) -> None:
        self._engine = engine
        self._metrics = metrics
        self._clock = clock
        self._queue: DecodeQueue[DecodeOwner] = DecodeQueue()
        self._wake = asyncio.Event()
        self._pressing = asyncio.Event()
        self._running: dict[DecodeKey[DecodeOwner], asyncio.Task[None]] = {}
        # One at a time: if the worker dies of it, it is known which one it was.
        self._suspect: DecodeKey[DecodeOwner] | None = None
        # Of those that run, the ones of sessions that are behind.
        self._behind: set[DecodeKey[DecodeOwner]] = set()
        self._failures = FailuresInARow()
        self._gathering = Gathering()
        self.decodes = 0

    def submit(self, owner: DecodeOwner, decode: Decode) -> None:
        request = Queued(
            owner,
            decode,
            self._clock.now(),
            suspect=decode.segment in owner.in_decode.suspects,
            behind=owner.catching_up,
        )
        for replaced in self._queue.push(request):
            self._metrics.superseded(replaced.kind)
        self._wake.set()
        if decode.kind is DecodeKind.FINAL or self._pause_s() <= 0:
            self._pressing.set()

    def promote(self, owner: DecodeOwner, segment: int) -> None:
        if self._queue.promote(owner, segment, self._clock.now()):
            self._wake.set()
            self._pressing.set()

    def withdraw(self, owner: DecodeOwner, kind: DecodeKind, segment: int) -> None:
        """Nobody wants this decode any more, waiting or begun."""
        self._queue.withdraw(owner, kind, segment)
        self._abort((owner, kind, segment))

    def remove(self, owner: DecodeOwner) -> None:
        self._queue.remove_owner(owner)
        for key in [key for key in self._running if key[0] == owner]:
            self._abort(key)

    def lag_s(self) -> float:
        """How long the oldest final has been waiting."""
        oldest = self._queue.oldest_asked_at(DecodeKind.FINAL)
        return 0.0 if oldest is None else max(0.0, self._clock.now() - oldest)

    async def run(self) -> None:
        """Serve until cancelled. Raises a group with `EngineDead` once the engine can do no more."""
        async with asyncio.TaskGroup() as decodes:
            while True:
                await self._wake.wait()
                await self._gather()
                room = await self._engine.room()
                self._wake.clear()
                self._begin_best(decodes, min(room, self._free()))
                # What was just begun is told in one turn and with the engine in the next; only then is the
                # engine asked for room again.
                for _ in range(2):
                    await asyncio.sleep(0)

    async def _gather(self) -> None:
        """Let requests come together that nobody waits for yet; a final does not wait with them."""
        while self._queue.best_kind() not in (None, DecodeKind.FINAL) and (pause := self._pause_s()) > 0:
            self._pressing.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._pressing.wait()

    def _pause_s(self) -> float:
        """How long requests are still to come together."""
        return self._gathering.pause_s(self._engine.capabilities.gather, len(self._queue), self._clock.now())

    def _begin_best(self, decodes: asyncio.TaskGroup, count: int) -> None:
        gathering = self._pause_s() > 0
        least = DecodeKind.FINAL if gathering else DecodeKind.PARTIAL
        for request in self._best(count, least):
            self._begin(decodes, request)
            if request.kind is not DecodeKind.FINAL:
                self._gathering.begun(self._clock.now())
        if gathering and self._queue.best_kind() not in (None, DecodeKind.FINAL):
            # Their time comes, whatever else does.
            self._wake.set()

    def _begin(self, decodes: asyncio.TaskGroup, request: Queued[DecodeOwner]) -> None:
        self._metrics.queued(request.kind, self._clock.now() - request.asked_at)
        begun = request.owner.begun(request.decode)
        if begun is None:
            # Somebody else may have its place.
            self._wake.set()
            return
        request.owner.in_decode.begun(request.segment)
        work = self._decode(request.owner, *begun)
        task = decodes.create_task(work, name=f"decode:{request.kind.name.lower()}")
        self._running[request.key] = task
        if request.suspect:
            self._suspect = request.key
        if request.behind:
            self._behind.add(request.key)
        task.add_done_callback(partial(self._done, request.key))

    def _free(self) -> int:
        return self._engine.capabilities.max_in_flight - len(self._running)

    def _best(self, count: int, least: DecodeKind) -> list[Queued[DecodeOwner]]:
        """The best requests, at most `count`, none of a kind below `least`. One session's partials come one
        after another: what a newer one would replace is not begun beside it. Files that are sent as fast as
        they are heard, and always have a final that waits, get half of the engine while others want some."""
        taken: list[Queued[DecodeOwner]] = []
        running = dict.fromkeys(self._running)
        suspects = self._suspect is None
        room_behind = max(1, self._engine.capabilities.max_in_flight // 2) - len(self._behind)
        while len(taken) < count:
            pop = partial(self._queue.pop, running, least, suspects=suspects)
            request = pop(behind=room_behind > 0) or pop()
            if request is None:
                break
            taken.append(request)
            running[request.key] = None
            suspects = suspects and not request.suspect
            room_behind -= request.behind
        if taken and len(taken) == count and len(self._queue):
            self._wake.set()
        return taken

    def _done(self, key: DecodeKey[DecodeOwner], _: asyncio.Task[None]) -> None:
        del self._running[key]
        if key == self._suspect:
            self._suspect = None
        self._behind.discard(key)
        self._wake.set()

    def _abort(self, key: DecodeKey[DecodeOwner]) -> None:
        # An engine that cannot abort would go on all the same, and its text is better than none.
        if self._engine.capabilities.can_abort and (task := self._running.get(key)) is not None:
            self._give_up(key, task)

    def _give_up(self, key: DecodeKey[DecodeOwner], task: asyncio.Task[None]) -> None:
        if not task.cancelling() and task.cancel():
            owner, _, segment = key
            owner.in_decode.over(segment)

    async def _decode(self, owner: DecodeOwner, decode: Decode, wanted: TranscribeRequest) -> None:
        # What the engine may die of has to be on its way to the gateway before.
        await asyncio.sleep(0)
        begun_at = self._clock.now()
        try:
            hypothesis = await self._transcribe(wanted)
            if decode.kind is DecodeKind.PARTIAL:
                self._gathering.answered(self._clock.now() - begun_at)
            self._on_success(owner, decode, hypothesis)
        except EngineError as error:
            self._on_failure(owner, decode, error)
        except asyncio.CancelledError:
            # An outcome like the others. A task that kept it would be part of a cycle by its time limit:
            # session and audio would be free when the collector comes by, in whichever thread that is.
            return

    async def _transcribe(self, wanted: TranscribeRequest) -> Hypothesis:
        limit = asyncio.timeout(DECODE_LIMIT_S)
        try:
            async with limit:
                return await self._engine.transcribe(wanted)
        except (EngineDead, EngineError):
            raise
        except Exception as error:
            if limit.expired():
                raise EngineDead(f"no answer within {DECODE_LIMIT_S:.0f} s") from error
            # An engine of somebody else's may raise anything for one bad request; the worker has others.
            raise EngineError("unexpected error of the engine") from error

    def _on_success(self, owner: DecodeOwner, decode: Decode, hypothesis: Hypothesis) -> None:
        self._failures.succeeded()
        self.decodes += 1
        self._metrics.busy("decode", hypothesis.busy_s)
        for stage, seconds in hypothesis.stages:
            self._metrics.stage(stage, seconds)
        owner.in_decode.over(decode.segment)
        owner.decoded(decode, hypothesis)

    def _on_failure(self, owner: DecodeOwner, decode: Decode, error: EngineError) -> None:
        in_a_row = self._failures.failed(owner.id)
        told = {"session": owner.id, "kind": decode.kind.name, "in_a_row": in_a_row}
        log.error("decode failed", extra=told, exc_info=error)
        owner.in_decode.over(decode.segment)
        owner.decode_failed(decode)
        if self._failures.are_the_models:
            raise EngineDead(f"{in_a_row} decodes in a row failed") from error
