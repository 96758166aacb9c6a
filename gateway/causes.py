"""Asks how lost workers ended: their supervisor knows, and tells it on its ops port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from common.backoff import Backoff
from common.ends import Ends
from common.link import Hello
from common.ops_client import FetchFailed, fetch_text
from gateway.death import Cause, Death

log = logging.getLogger(__name__)

# A session may be held back for so long; a supervisor that runs knows within milliseconds.
PATIENCE_S: Final = 2.0
_ANSWER_S: Final = 0.5
# One that stands still runs until its supervisor takes it to hang; nobody waits for a worker for longer.
_LATE_ASKS: Final = 120
_ASKED_AGAIN_S: Final = 1.0
_NOBODY_KNOWS: Final = (Cause.UNKNOWN, "")

Fetch = Callable[[str], Awaitable[Ends]]


async def fetch_ends(url: str) -> Ends:
    """Raises `FetchFailed`."""
    text = await asyncio.to_thread(fetch_text, url, _ANSWER_S)
    try:
        return msgspec.json.decode(text, type=Ends)
    except msgspec.DecodeError as error:
        raise FetchFailed(url, "the answer is no list of ends") from error


class Causes:
    """One task for each worker that was lost, all within `run`."""

    def __init__(self, fetch: Fetch = fetch_ends) -> None:
        self._fetch = fetch
        # `run` empties it at once: it holds what is lost within one turn of the loop.
        self._lost: asyncio.Queue[tuple[Hello, Death]] = asyncio.Queue()

    def ask(self, worker: Hello, death: Death) -> None:
        """`death` will know its cause within `PATIENCE_S`, or that it is unknown; it may learn more later of
        a worker that stands still."""
        self._lost.put_nowait((worker, death))

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                worker, death = await self._lost.get()
                tasks.create_task(self._learn(worker, death), name=f"cause:{worker.name}")

    async def _learn(self, worker: Hello, death: Death) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                cause, fault = await self._cause(worker)
        except TimeoutError:
            _tell(worker, death, *_NOBODY_KNOWS)
            cause, fault = await self._late_cause(worker)
            if cause is Cause.UNKNOWN:
                return
        _tell(worker, death, cause, fault)

    async def _cause(self, worker: Hello) -> tuple[Cause, str]:
        """Asks until the supervisor does not think any more that it runs."""
        backoff = Backoff(first_s=0.01, limit_s=0.2)
        while worker.incarnation:
            ends = await self._answer(worker)
            if ends is not None and worker.incarnation not in ends.running:
                return _cause_in(ends, worker.incarnation)
            await asyncio.sleep(backoff.next_delay_s())
        return _NOBODY_KNOWS

    async def _late_cause(self, worker: Hello) -> tuple[Cause, str]:
        """Asks as long as its supervisor says that it runs."""
        for _ in range(_LATE_ASKS):
            await asyncio.sleep(_ASKED_AGAIN_S)
            ends = await self._answer(worker)
            if ends is None:
                break
            if worker.incarnation not in ends.running:
                return _cause_in(ends, worker.incarnation)
        return _NOBODY_KNOWS

    async def _answer(self, worker: Hello) -> Ends | None:
        try:
            return await self._fetch(worker.ends_url)
        except FetchFailed as error:
            log.debug("supervisor does not answer", extra={"worker": worker.name, "cause": str(error)})
            return None


def _tell(worker: Hello, death: Death, cause: Cause, fault: str) -> None:
    log.info("cause known", extra={"worker": worker.name, "worker_pid": worker.pid, "cause": cause.value})
    death.known(cause, fault)


def _cause_in(ends: Ends, incarnation: str) -> tuple[Cause, str]:
    for end in ends.ended:
        if end.incarnation == incarnation:
            return Cause.ITSELF if end.by_itself else Cause.OUTSIDE, end.fault
    # Somebody else's supervisor.
    return _NOBODY_KNOWS
