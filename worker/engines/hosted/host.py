"""The engine's end: runs the engine of one worker until that hangs up or the engine dies."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from common.logs import configure_logs
from common.settings import Settings
from worker.card_errors import engine_dead, is_card_error
from worker.engines.base import EngineDead, EngineError, SegmentEngine, SegmentMemory, TranscribeRequest
from worker.engines.hosted.audio_slots import AudioSlots
from worker.engines.hosted.messages import (
    Alive,
    Answer,
    Ask,
    CannotStart,
    Dead,
    Forget,
    GiveUp,
    Ready,
    Refused,
    Room,
    Start,
    ToEngine,
)
from worker.engines.hosted.pipe import MessagePipe
from worker.engines.registry import load_engine

log = logging.getLogger(__name__)

_CHECK_S: Final = 0.5


class EngineHost:
    def __init__(self, audio_file: int) -> None:
        self._audio_file = audio_file
        loop = asyncio.get_running_loop()
        self._orders: asyncio.Future[Start] = loop.create_future()
        # What ended it; None if the worker hung up.
        self._over: asyncio.Future[EngineDead | None] = loop.create_future()
        self._hung_up = asyncio.Event()
        self._asked_since_room = asyncio.Event()
        self._requests: dict[int, asyncio.Task[None]] = {}
        self._memories: dict[int, SegmentMemory] = {}

    async def serve(self, pipe: MessagePipe) -> bool:
        """Whether it ended as it should: the worker hung up, and the engine has been closed."""
        self._pipe = pipe
        try:
            await self._start(await self._orders)
        except Exception as error:
            log.debug("cannot start", exc_info=error)
            return await self._last_words(CannotStart(str(error), is_card_error(error)))
        chores = [asyncio.create_task(self._or_over(chore)) for chore in (self._tell_room, self._watch)]
        death = await self._over
        for task in (*chores, *self._requests.values()):
            task.cancel()
        if death is not None:
            return await self._last_words(Dead(str(death), is_card_error(death)))
        await self._engine.close()
        return True

    async def _start(self, orders: Start) -> None:
        settings = Settings.model_validate_json(orders.settings)
        configure_logs(orders.name, settings.log_level, settings.log_format)
        engine = load_engine(settings)
        await engine.start()
        # What start-up made lives for ever: the collector need not look at it again.
        gc.freeze()
        self._engine: SegmentEngine = engine
        self._slots = AudioSlots(self._audio_file, engine.capabilities)
        self._asked_since_room.set()
        self._pipe.send(Ready(engine.capabilities))

    async def _last_words(self, message: CannotStart | Dead) -> bool:
        self._pipe.send(message)
        self._pipe.close()
        await self._hung_up.wait()
        return False

    # --- PipeOwner -----------------------------------------------------------------------------

    def received(self, messages: Sequence[ToEngine]) -> None:
        for message in messages:
            match message:
                case Ask():
                    self._begin(message)
                case GiveUp(number):
                    if (request := self._requests.get(number)) is not None:
                        request.cancel()
                case Forget(memory):
                    self._memories.pop(memory, None)
                case Start():
                    self._orders.set_result(message)

    def hung_up(self) -> None:
        self._hung_up.set()
        if not self._orders.done():
            self._orders.set_exception(EOFError("the worker hung up before it said what to start"))
        self._end(None)

    # --- requests ------------------------------------------------------------------------------

    def _begin(self, ask: Ask) -> None:
        self._requests[ask.number] = task = asyncio.create_task(self._or_over(partial(self._transcribe, ask)))
        task.add_done_callback(partial(self._done, ask.number))
        self._asked_since_room.set()

    def _done(self, number: int, task: asyncio.Task[None]) -> None:
        """Not in the task, since one that is given up before its first step never takes it."""
        del self._requests[number]
        if task.cancelled():
            self._pipe.send(Refused(number, "given up"))

    async def _transcribe(self, ask: Ask) -> None:
        came = time.monotonic()
        try:
            hypothesis = await self._engine.transcribe(self._request(ask))
        except EngineDead:
            raise
        except EngineError as error:
            self._pipe.send(Refused(ask.number, str(error)))
        except Exception as error:
            log.exception("unexpected error of the engine")
            self._pipe.send(Refused(ask.number, f"unexpected error of the engine: {error!r}"))
        else:
            stages = (("hand_over", came - ask.asked_at), *hypothesis.stages)
            self._pipe.send(Answer(ask.number, replace(hypothesis, stages=stages)))

    def _request(self, ask: Ask) -> TranscribeRequest:
        return TranscribeRequest(
            self._slots.read(ask.slot, ask.samples),
            ask.kind,
            ask.language,
            ask.hotwords,
            timestamps=ask.timestamps,
            start=ask.start,
            memory=None if ask.memory is None else self._memory(ask.memory),
            afresh=ask.afresh,
        )

    def _memory(self, number: int) -> SegmentMemory:
        if number not in self._memories:
            self._memories[number] = self._engine.fresh_memory()
        return self._memories[number]

    # --- the engine's state --------------------------------------------------------------------

    async def _tell_room(self) -> None:
        """Once for whatever was asked since the last time."""
        while True:
            await self._asked_since_room.wait()
            self._asked_since_room.clear()
            # So that what has just come counts.
            await asyncio.sleep(0)
            self._pipe.send(Room(await self._engine.room()))

    async def _watch(self) -> None:
        while True:
            self._engine.check()
            self._pipe.send(Alive())
            await asyncio.sleep(_CHECK_S)

    async def _or_over(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            dead = (
                error
                if isinstance(error, EngineDead)
                else engine_dead(f"the engine failed: {error!r}", error)
            )
            self._end(dead)

    def _end(self, death: EngineDead | None) -> None:
        if not self._over.done():
            self._over.set_result(death)
