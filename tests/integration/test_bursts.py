"""Many STARTs at once over several gateways: workers are even when all have come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from common.capacity import FIRST_EPOCH
from common.events import SessionOptions
from common.link import LINK_VERSION, Hello, Load
from common.link_transport import LinkTransport
from common.settings import Settings
from gateway.dialing import over_socket
from gateway.link_keeper import Member
from tests.support.aio import run, until
from tests.support.clock import ManualClock
from tests.support.engines import EngineScript, ScriptedEngine
from tests.support.live_worker import LiveWorker
from tests.support.pool_rig import ANY, Rig, Session
from worker.process import HEARTBEAT_S
from worker.server import GatewayLinks
from worker.session_table import SessionTable

_SESSIONS: Final = 240
# 250 a second, if the machine is quick: a burst goes on over two heartbeats.
_BETWEEN_S: Final = 0.004
_GATEWAYS: Final = 4


class FarSide:
    """The links and sessions of a worker, listening at `path`."""

    def __init__(self, name: str, path: Path) -> None:
        worker = LiveWorker(ScriptedEngine(EngineScript()), Settings())
        self.path = path
        self.table = SessionTable(60.0, worker.metrics, ManualClock())
        hello = Hello(LINK_VERSION, name, 1, "http://127.0.0.1:1/metrics")
        self.links = GatewayLinks(lambda: hello, self.table, worker.services, self._load)

    def _load(self) -> Load:
        return Load(True, len(self.table), 0, 0, 0, None)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: LinkTransport(self.links), str(self.path))
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            self.links.close()
            server.close()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self.links.announce_load()


@asynccontextmanager
async def gateway(workers: list[FarSide]) -> AsyncIterator[Rig]:
    """With a link to each of the workers."""
    rig = Rig([], ANY)
    task = asyncio.create_task(rig.pool.run())
    rig.pool.follow(Member(each.path.name, "local", over_socket(each.path)) for each in workers)
    await until(lambda: list(rig.states().values()) == ["ready"] * len(workers))
    try:
        yield rig
    finally:
        task.cancel()
        await asyncio.wait([task])


def test_workers_are_even_after_a_burst_over_several_gateways(tmp_path: Path) -> None:
    async def scenario() -> None:
        workers = [FarSide(name, tmp_path / name) for name in ("0", "1")]
        async with AsyncExitStack() as everything:
            for worker in workers:
                await everything.enter_async_context(worker.listening())
            gateways = [await everything.enter_async_context(gateway(workers)) for _ in range(_GATEWAYS)]
            for number in range(_SESSIONS):
                pool = gateways[number % _GATEWAYS].pool
                pool.open(Session(number), SessionOptions(), FIRST_EPOCH, None)
                await asyncio.sleep(_BETWEEN_S)
            await until(lambda: sum(len(worker.table) for worker in workers) == _SESSIONS)
            fuller = max(len(worker.table) for worker in workers)
            assert fuller <= 1.05 * _SESSIONS / 2

    run(scenario())
