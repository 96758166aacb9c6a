"""Keeps one card usable: its MPS daemon, and the workers off it while that is made anew."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from cli.supervisor.card_policy import Trouble, Witness, witness
from cli.supervisor.gate import Gate
from cli.supervisor.metrics import MpsState, SupervisorMetrics
from cli.supervisor.mps_choice import MpsUnusable
from cli.supervisor.mps_daemon import Daemon, DaemonFailed
from cli.supervisor.policy import Halt, describe_exit
from common.backoff import Backoff
from common.clock import Clock

log = logging.getLogger(__name__)

MAX_FAILED_STARTS: Final = 5


class CardKeeper:
    """A fault leaves the MPS server unusable until all of its clients are gone, some drivers until the daemon
    is started anew: so all workers go, then the daemon, then all come back."""

    def __init__(self, daemon: Daemon, gate: Gate, metrics: SupervisorMetrics, clock: Clock) -> None:
        self._daemon = daemon
        self._gate = gate
        self._metrics = metrics
        self._clock = clock
        self._begin_watch()
        gate.heard = self._heard

    async def run(self) -> Halt:
        """Until the daemon cannot be had any more; cancel this to stop."""
        while True:
            trouble = await self._trouble()
            log.error("card in trouble, its workers start anew", extra={"trouble": trouble.value})
            self._metrics.recoveries.labels(trouble.value).inc()
            self._metrics.mps(MpsState.RECOVERING)
            began = self._clock.now()
            await self._gate.clear()
            await self._daemon.stop()
            failure = await self._start_again()
            if failure is not None:
                return Halt(f"the MPS daemon cannot be started again: {failure}")
            self._begin_watch()
            self._metrics.mps(MpsState.RUNNING)
            self._gate.open()
            log.info("card free again", extra={"took_s": round(self._clock.now() - began, 1)})

    def _begin_watch(self) -> None:
        """Over workers that have seen no trouble yet."""
        # No longer than there are workers: whoever has ended comes back only after a while.
        self._ends: asyncio.Queue[int | None] = asyncio.Queue()
        self._gate.fault = secrets.token_hex(8)

    def _heard(self, code: int | None) -> None:
        self._ends.put_nowait(code)

    async def _trouble(self) -> Trouble:
        gone = asyncio.create_task(self._daemon.wait(), name="mps-daemon")
        fault = asyncio.create_task(self._fault(), name="card-fault")
        either: set[asyncio.Task[Any]] = {gone, fault}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                log.error("MPS daemon is gone", extra={"how": describe_exit(gone.result())})
                return Trouble.DAEMON
            fault.result()
            return Trouble.FAULT
        finally:
            for task in either:
                task.cancel()
            await asyncio.gather(*either, return_exceptions=True)

    async def _fault(self) -> None:
        """Until there is one."""
        while True:
            match witness(await self._ends.get()):
                case Witness.YES:
                    return
                case Witness.PERHAPS if await self._daemon.is_at_fault():
                    return

    async def _start_again(self) -> DaemonFailed | None:
        backoff = Backoff()
        for _ in range(MAX_FAILED_STARTS):
            try:
                await self._daemon.start()
            except DaemonFailed as error:
                failure = error
                log.warning("MPS daemon does not start", extra={"cause": str(error)})
                await asyncio.sleep(backoff.next_delay_s())
            else:
                return None
        return failure


@asynccontextmanager
async def running(daemon: Daemon, metrics: SupervisorMetrics) -> AsyncIterator[None]:
    """It answers inside the block, and is stopped behind it. Raises `MpsUnusable`."""
    try:
        await daemon.start()
    except DaemonFailed as error:
        raise MpsUnusable(f"MPS: {error}; --mps off runs without") from error
    metrics.mps(MpsState.RUNNING)
    try:
        yield
    finally:
        metrics.mps(MpsState.OFF)
        await daemon.stop()
