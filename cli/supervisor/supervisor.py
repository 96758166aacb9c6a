"""All children of one machine, in order: workers, then gateways; the other way round at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from cli.supervisor.child import QUICKLY, Role, StopOrders
from cli.supervisor.keeper import Keeper
from cli.supervisor.policy import ChildState, Halt

# A gateway takes clients, so it comes when there are workers to serve them, and goes first.
START_ORDER: Final = (Role.WORKER, Role.GATEWAY)
STOP_ORDER: Final = (Role.GATEWAY, Role.WORKER)


class Supervisor:
    """`announce` is called once, when every child has been ready."""

    def __init__(self, keepers: Sequence[Keeper], announce: Callable[[], None]) -> None:
        self.keepers: Final = tuple(keepers)
        self._announce = announce
        self._end = asyncio.Event()
        self._stop_orders = QUICKLY
        self._halt: Halt | None = None
        self._running: dict[str, asyncio.Task[None]] = {}

    def stop(self, orders: StopOrders = QUICKLY) -> None:
        """Told again, the newer orders count, also for those that are stopping already."""
        self._stop_orders = orders
        for keeper in self.keepers:
            if keeper.state is ChildState.STOPPING:
                keeper.hurry(orders[keeper.spec.role])
        self._end.set()

    def give_up(self, halt: Halt) -> None:
        """Going on is of no use; the first reason counts."""
        self._halt = self._halt or halt
        self._end.set()

    async def run(self) -> Halt | None:
        """Until `stop` (None) or until a child cannot be kept running (why); no child is left then."""
        async with asyncio.TaskGroup() as tasks:
            boot = tasks.create_task(self._boot(tasks), name="boot")
            try:
                await self._end.wait()
            finally:
                boot.cancel()
                for role in STOP_ORDER:
                    await self._stop_all(role)
        return self._halt

    def waiting_for(self) -> list[str]:
        """Names of the children that are not ready now."""
        return [keeper.spec.name for keeper in self.keepers if keeper.state is not ChildState.READY]

    def count(self, role: Role, state: ChildState) -> int:
        return sum(keeper.spec.role is role and keeper.state is state for keeper in self.keepers)

    async def _boot(self, tasks: asyncio.TaskGroup) -> None:
        for role in START_ORDER:
            keepers = self._of(role)
            for keeper in keepers:
                name = keeper.spec.name
                self._running[name] = tasks.create_task(self._keep(keeper), name=name)
            for keeper in keepers:
                await keeper.wait_first_ready()
        self._announce()

    async def _keep(self, keeper: Keeper) -> None:
        self.give_up(await keeper.run())

    async def _stop_all(self, role: Role) -> None:
        stopping = []
        for keeper in self._of(role):
            task = self._running.get(keeper.spec.name)
            if task is not None and not task.done():
                keeper.told_to_stop(self._stop_orders[role])
                task.cancel()
                stopping.append(task)
        if stopping:
            await asyncio.wait(stopping)

    def _of(self, role: Role) -> list[Keeper]:
        return [keeper for keeper in self.keepers if keeper.spec.role is role]
