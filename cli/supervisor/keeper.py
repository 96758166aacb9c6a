"""Keeps one child running: starts it, waits for its READY=1, starts it again when it dies or hangs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial

from cli.supervisor.child import QUICKLY, ChildProcess, ChildSpec, Role, StopOrder, start_child
from cli.supervisor.ends import EndBook, Exit, exited, hung
from cli.supervisor.gate import Gate, Visit
from cli.supervisor.metrics import RestartCause, SupervisorMetrics
from cli.supervisor.notify_socket import NotifySocket
from cli.supervisor.policy import ChildLife, ChildState, Decision, Halt
from cli.supervisor.watchdog import wait_hung
from common.clock import Clock
from common.process import CARD_LOST

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all keepers share. `boot_limit_s`: start to READY=1. `hang_limit_s`: without a word from then on;
    0: as long as it likes. `gate`: of the card, which workers pass."""

    environ: Mapping[str, str]
    notify: NotifySocket
    metrics: SupervisorMetrics
    ends: EndBook
    clock: Clock
    boot_limit_s: float
    hang_limit_s: float = 0.0
    gate: Gate = field(default_factory=Gate)


@dataclass(frozen=True, slots=True)
class _End:
    """`recalled`: the supervisor wanted it, to have its card free."""

    exit: Exit
    recalled: bool = False

    @property
    def cause(self) -> RestartCause:
        return RestartCause.TOLD if self.exit.code == 0 or self.recalled else RestartCause.DIED


class Keeper:
    def __init__(self, spec: ChildSpec, surroundings: Surroundings, life: ChildLife | None = None) -> None:
        self.spec = spec
        self.restarts = 0
        self._surroundings = surroundings
        # A gateway touches no card.
        self._gate = surroundings.gate if spec.role is Role.WORKER else Gate()
        self._life = life or ChildLife(spec.name)
        self._process: ChildProcess | None = None
        self._stop_order = QUICKLY[spec.role]
        self._first_ready = asyncio.Event()

    @property
    def state(self) -> ChildState:
        return self._life.state

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def wait_first_ready(self) -> None:
        await self._first_ready.wait()

    def told_to_stop(self, order: StopOrder) -> None:
        """To be called right before `run` is cancelled."""
        self._life.told_to_stop()
        self._stop_order = order

    def hurry(self, order: StopOrder) -> None:
        """To be called while it is stopping."""
        self._stop_order = order
        if self._process is not None:
            self._process.hurry(order)

    async def run(self) -> Halt:
        """Until going on is of no use. Cancel this to stop the child: it ends when the child is gone."""
        try:
            while True:
                decision = self._decide(end := await self._run_on_card())
                if isinstance(decision, Halt):
                    return decision
                told = {"child": self.spec.name, "again_s": round(decision.after_s, 1), "how": end.exit.how}
                log.warning("child died", extra=told)
                await asyncio.sleep(decision.after_s)
                self._count_restart(end.cause)
        finally:
            if self._life.state is ChildState.STOPPING:
                self._life.ended()

    def _decide(self, end: _End) -> Decision:
        if end.recalled:
            return self._life.recalled()
        return self._life.exited(end.exit.how, self._surroundings.clock.now(), by_itself=end.exit.by_itself)

    async def _run_on_card(self) -> _End:
        visit = await self._gate.enter()
        try:
            return await self._run_process(visit)
        finally:
            self._gate.leave(visit)

    async def _run_process(self, visit: Visit) -> _End:
        """One process from its start until nothing of it is left."""
        ends = self._surroundings.ends
        incarnation = ends.begins()
        try:
            argv = (*self.spec.argv, "--incarnation", incarnation)
            process = await start_child(argv, self._surroundings.environ)
        except OSError as error:
            ends.ended(incarnation, None)
            return _End(Exit(None, f"could not be started ({error.strerror})"))
        self._process = process
        visit.began(process.kill)
        log.info("child started", extra={"child": self.spec.name, "child_pid": process.pid})
        try:
            end = await self._watch(process)
            # At once: there may be sessions that wait for it.
            ends.ended(incarnation, end, self._gate.fault if end.code == CARD_LOST else "")
            self._gate.ended(visit, end.code)
            return _End(end, visit.recalled)
        finally:
            await process.end(self._stop_order.grace_s, self._stop_order.signal)
            ends.ended(incarnation, None)
            self._process = None
            self._surroundings.notify.forget(process.pid)
            log.info("child gone", extra={"child": self.spec.name, "child_pid": process.pid})

    async def _watch(self, process: ChildProcess) -> Exit:
        around = self._surroundings
        try:
            async with asyncio.timeout(around.boot_limit_s):
                await _either(process, around.notify.wait_ready(process.pid))
        except TimeoutError:
            return Exit(None, f"was not ready within {around.boot_limit_s:g} s")
        if around.notify.is_ready(process.pid):
            self._note_ready(process)
            if around.hang_limit_s:
                has_spoken = partial(around.notify.has_spoken, process.pid)
                await _either(process, wait_hung(has_spoken, around.hang_limit_s))
                if not process.has_ended:
                    process.kill()
                    return hung(await process.wait(), around.hang_limit_s)
        return exited(await process.wait())

    def _note_ready(self, process: ChildProcess) -> None:
        self._life.said_ready(self._surroundings.clock.now())
        self._first_ready.set()
        log.info("child ready", extra={"child": self.spec.name, "child_pid": process.pid})

    def _count_restart(self, cause: RestartCause) -> None:
        self._life.restarted()
        self.restarts += 1
        self._surroundings.metrics.restarted(self.spec.role, cause)


async def _either(process: ChildProcess, other: Coroutine[None, None, None]) -> None:
    """Until the process has exited, or the other is done."""
    waits = [asyncio.create_task(other), asyncio.create_task(process.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
