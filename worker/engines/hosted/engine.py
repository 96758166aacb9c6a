"""The worker's end: an engine like any other, whose work is done in a process of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.pulse import Pulse
from common.settings import Settings
from worker.engines.base import (
    CardLost,
    EngineCapabilities,
    EngineDead,
    EngineError,
    Hypothesis,
    TranscribeRequest,
)
from worker.engines.hosted.audio_slots import AudioSlots, shared_file
from worker.engines.hosted.messages import (
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
    ToWorker,
    to_worker,
)
from worker.engines.hosted.pipe import MessagePipe

# Of `check`, twice a second, as often as the engine speaks: a loop that does not turn for 10 s hangs in a
# call that will not return.
_SILENT_LOOKS: Final = 20
# An engine that takes longer to give its card back is killed.
_CLOSE_LIMIT_S: Final = 20.0


class CannotStartEngine(Exception):
    """The engine says why it cannot be started."""


class _RemoteMemory:
    """Stands for what the engine keeps of a segment; with its last reference the engine forgets it."""

    def __init__(self, number: int) -> None:
        self.number = number


@dataclass(frozen=True, slots=True)
class _Asked:
    slot: int
    answer: asyncio.Future[Hypothesis]


class HostedEngine:
    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._numbers = itertools.count()
        self._asked: dict[int, _Asked] = {}
        self._free: asyncio.LifoQueue[int] = asyncio.LifoQueue()
        self._room = 0
        self._roomy = asyncio.Event()
        self._pulse = Pulse(_SILENT_LOOKS)
        self._death: EngineDead | None = EngineDead("the engine has not been started")
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: MessagePipe | None = None
        self._started: asyncio.Future[EngineCapabilities] | None = None
        self._capabilities: EngineCapabilities | None = None
        self._slots: AudioSlots | None = None

    @property
    def capabilities(self) -> EngineCapabilities:
        assert self._capabilities is not None, "not before the engine has started"
        return self._capabilities

    async def start(self) -> None:
        """Raises `CannotStartEngine`, and `EngineDead` if the process ends without a word."""
        loop = asyncio.get_running_loop()
        self._started = loop.create_future()
        audio = shared_file()
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = _spawn(theirs.fileno(), audio)
            _, self._pipe = await loop.create_unix_connection(lambda: MessagePipe(self, to_worker), sock=ours)
            self._death = None
            self._pipe.send(Start(self._name, self._settings.model_dump_json()))
            self._capabilities = await self._started
            self._slots = AudioSlots(audio, self._capabilities)
        finally:
            os.close(audio)
        for slot in range(self._slots.count):
            self._free.put_nowait(slot)

    def fresh_memory(self) -> _RemoteMemory:
        memory = _RemoteMemory(next(self._numbers))
        weakref.finalize(memory, self._send, Forget(memory.number)).atexit = False
        return memory

    async def room(self) -> int:
        await self._roomy.wait()
        self._require_life()
        return self._room

    async def transcribe(self, request: TranscribeRequest) -> Hypothesis:
        self._require_life()
        assert self._slots is not None
        if len(request.audio) > self._slots.length:
            raise EngineError(f"{len(request.audio)} samples are more than this engine takes")
        slot = await self._free_slot()
        number = next(self._numbers)
        asked = _Asked(slot, asyncio.get_running_loop().create_future())
        self._asked[number] = asked
        self._slots.write(slot, request.audio)
        self._roomy.clear()
        self._send(_ask(number, slot, request))
        try:
            return await asked.answer
        except asyncio.CancelledError:
            self._send(GiveUp(number))
            raise

    def check(self) -> None:
        if self._pulse.is_silent():
            self._died(EngineDead("the engine has fallen silent"))
        self._require_life()

    async def close(self) -> None:
        """Ends its process, too."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is None:
            return
        try:
            await asyncio.to_thread(self._process.wait, _CLOSE_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    # --- PipeOwner -----------------------------------------------------------------------------

    def received(self, messages: Sequence[ToWorker]) -> None:
        self._pulse.heard()
        for message in messages:
            match message:
                case Answer(number, hypothesis):
                    self._replied(number, hypothesis)
                case Refused(number, reason):
                    self._replied(number, EngineError(reason))
                case Room(count):
                    self._room = count
                    self._roomy.set()
                case Dead(reason, of_card):
                    self._died((CardLost if of_card else EngineDead)(reason))
                case Ready(capabilities):
                    self._start().set_result(capabilities)
                case CannotStart(reason, of_card):
                    self._start().set_exception((CardLost if of_card else CannotStartEngine)(reason))

    def hung_up(self) -> None:
        self._died(EngineDead("the engine's process is gone"))

    # --- state ---------------------------------------------------------------------------------

    def _start(self) -> asyncio.Future[EngineCapabilities]:
        assert self._started is not None
        return self._started

    async def _free_slot(self) -> int:
        slot = await self._free.get()
        if self._death is not None:
            # For the next who waits for one, and is to be told the same.
            self._free.put_nowait(slot)
        self._require_life()
        return slot

    def _require_life(self) -> None:
        if self._death is not None:
            raise type(self._death)(str(self._death))

    def _send(self, message: Ask | GiveUp | Forget) -> None:
        if self._pipe is not None:
            self._pipe.send(message)

    def _replied(self, number: int, reply: Hypothesis | Exception) -> None:
        asked = self._asked.pop(number, None)
        if asked is None:
            # Of an engine that was taken for dead, and is not.
            return
        self._free.put_nowait(asked.slot)
        if asked.answer.done():
            return
        if isinstance(reply, Hypothesis):
            asked.answer.set_result(reply)
        else:
            asked.answer.set_exception(reply)

    def _died(self, error: EngineDead) -> None:
        if self._death is not None:
            return
        self._death = error
        if not self._start().done():
            self._start().set_exception(error)
        for number in list(self._asked):
            self._replied(number, error)
        self._roomy.set()


def _ask(number: int, slot: int, request: TranscribeRequest) -> Ask:
    return Ask(
        number=number,
        slot=slot,
        samples=len(request.audio),
        kind=request.kind,
        language=request.language,
        hotwords=request.hotwords,
        timestamps=request.timestamps,
        start=request.start,
        memory=None if request.memory is None else request.memory.number,
        afresh=request.afresh,
        asked_at=time.monotonic(),
    )


def _spawn(pipe: int, audio: int) -> subprocess.Popen[bytes]:
    arguments = ("--pipe", str(pipe), "--audio", str(audio), "--parent", str(os.getpid()))
    command = (sys.executable, "-m", "worker.engines.hosted", *arguments)
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(pipe, audio))
