"""One worker process: load, warm up, say ready, serve until told to stop or until the engine dies."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Final

import uvloop

from common.advertise import with_advertise_host
from common.clock import MonotonicClock
from common.end_notice import IS_GIVEN, try_to_give_notice
from common.identity import failure_domain, member_id, ops_url
from common.link import LINK_VERSION, Hello, Load
from common.link_transport import LinkTransport
from common.logs import configure_logs
from common.loop_health import LoopHealth
from common.notify import notify_ready
from common.ops_server import OpsServer, json_reply, metrics_reply, ready_reply
from common.process import wait_for_stop_signal
from common.run_files import worker_end_notice, worker_socket
from common.settings import Settings
from common.settings_file import SettingsFile
from common.tracing import make_tracing
from worker.card_errors import is_card_error
from worker.cores import pin_to_cores
from worker.device import check_card
from worker.engines.base import EngineDead, SegmentEngine
from worker.engines.registry import create_engine
from worker.environment import SWITCH_S, set_defaults
from worker.exits import BootFailed, CardUnusable, told_and_exited
from worker.gpu import card_of, gpu_name, is_cuda, only_own_card
from worker.memory import IdleTrimmer, trim_heap
from worker.metrics import WorkerMetrics
from worker.mps import check_attached, client_limits
from worker.presence import make_presence
from worker.process_stat import process_age_s
from worker.scheduler.runner import DecodeScheduler
from worker.server import GatewayLinks
from worker.session_services import Services
from worker.session_table import SessionTable
from worker.vad.pool import VadPool
from worker.vad.registry import create_vad

log = logging.getLogger(__name__)

HEARTBEAT_S: Final = 0.5
_DRAIN_POLL_S: Final = 0.05


class WorkerProcess:
    """Everything one worker owns, put together."""

    def __init__(
        self,
        settings: Settings,
        index: int,
        engine: SegmentEngine,
        incarnation: str,
        file: SettingsFile | None,
    ) -> None:
        self._settings = settings
        self._file = file
        self._index = index
        self._incarnation = incarnation
        self._engine = engine
        self._clock = clock = MonotonicClock()
        self._health = LoopHealth(clock)
        self._name = member_id(settings, index)
        self._metrics = WorkerMetrics(self._name)
        # The limit that is kept, or what was measured; else nobody knows.
        if capacity := settings.max_speaking or settings.capacity:
            self._metrics.capacity(capacity)
        self._vad = VadPool(create_vad(settings.vad, settings.vad_model), self._metrics, clock)
        self._scheduler = DecodeScheduler(engine, self._metrics, clock)
        self._table = SessionTable(settings.session_timeout, self._metrics, clock)
        services = Services(self._vad, engine, self._scheduler, self._metrics, clock, settings)
        self._tracing = make_tracing(settings, "worker", self._name, self._metrics.spans)
        self._links = GatewayLinks(self._hello, self._table, services, self._load, self._tracing)
        self._links.max_speaking = settings.max_speaking
        self._presence = make_presence(settings, self._links, self._metrics)
        self._gpu: str | None = None
        self._card: str | None = None
        self._booted_s: float | None = None
        self._ready = False
        self._draining = False

    def _hello(self) -> Hello:
        settings = self._settings
        return Hello(
            version=LINK_VERSION,
            name=self._name,
            pid=os.getpid(),
            metrics_url=ops_url(settings, settings.worker_ops_port + self._index, "/metrics"),
            incarnation=self._incarnation,
            ends_url=ops_url(settings, settings.supervisor_ops_port, "/ends"),
            booted_s=self._booted_s,
            host=failure_domain(settings),
            card=self._card,
            capacity=settings.capacity or 1.0,
        )

    def _load(self) -> Load:
        lag_s = max([self._scheduler.lag_s(), *(session.lag_s() for session in self._table)])
        return Load(
            ready=self._ready,
            sessions=len(self._table),
            speaking=self._table.speaking(),
            lag_ms=round(lag_s * 1000),
            progress=self._vad.ticks + self._scheduler.decodes,
            gpu=self._gpu,
            draining=self._draining,
            engaged=self._table.engaged(),
        )

    async def serve(self) -> None:
        """Until a stop signal. Raises `BootFailed`, and `EngineDead` later."""
        ops = await self._boot()
        try:
            await self._serve_links()
        finally:
            ops.close()
        # Not when it has died: closing waits for calls that may never return, and a new one for this process.
        await self._engine.close()
        if self._tracing is not None:
            await self._tracing.close()

    async def _boot(self) -> OpsServer:
        try:
            await self._engine.start()
            self._health.turned()
            device = self._engine.capabilities.device
            self._gpu = gpu_name(device)
            card = card_of(device)
            self._card = None if card is None else card.uuid
            self._metrics.runs_on(failure_domain(self._settings), self._gpu, self._card)
            if is_cuda(device) and await check_attached():
                self._metrics.mps_attached()
            # What start-up made lives for ever: the collector need not look at it again.
            gc.freeze()
            return self._start_ops()
        except Exception as error:
            kind = CardUnusable if is_card_error(error) else BootFailed
            raise kind(f"worker {self._index} cannot start: {error}") from error

    def _start_ops(self) -> OpsServer:
        ops = OpsServer(
            self._settings.ops_host,
            self._settings.worker_ops_port + self._index,
            {
                "/metrics": lambda: metrics_reply(self._metrics.registry),
                "/healthz": self._health.reply,
                "/readyz": lambda: ready_reply(self._ready, "" if self._ready else "not ready"),
                "/sessions": lambda: json_reply({"sessions": self._table.ids()}),
            },
        )
        ops.start()
        return ops

    async def _serve_links(self) -> None:
        run_dir = _run_dir(self._settings)
        path, end_notice = worker_socket(run_dir, self._index), worker_end_notice(run_dir, self._index)
        path.unlink(missing_ok=True)
        # Before anybody can connect, so that whoever does finds that of this process.
        if IS_GIVEN and (cause := try_to_give_notice(end_notice)):
            log.warning("no notice of the end", extra={"cause": cause})
        loop = asyncio.get_running_loop()
        servers = [await loop.create_unix_server(lambda: LinkTransport(self._links), str(path))]
        if self._presence is not None:
            servers.append(await self._presence.listen(self._index))
        self._booted_s = process_age_s(os.getpid())
        self._set_ready(True)
        notify_ready()
        try:
            await self._work_until_stopped()
        finally:
            self._set_ready(False)
            self._links.close()
            for server in servers:
                server.close()
            path.unlink(missing_ok=True)
            end_notice.unlink(missing_ok=True)

    async def _work_until_stopped(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            serving = [
                tasks.create_task(self._run_engine(self._vad.run()), name="vad"),
                tasks.create_task(self._run_engine(self._scheduler.run()), name="scheduler"),
                tasks.create_task(self._run_engine(self._keep_house()), name="housekeeping"),
            ]
            announcing = tasks.create_task(self._announce(), name="announcer")
            await wait_for_stop_signal()
            announcing.cancel()
            await self._drain()
            for task in serving:
                task.cancel()

    async def _announce(self) -> None:
        """To other hosts, if there are any, until cancelled."""
        if self._presence is not None:
            await self._presence.announce(self._index, self._hello())

    async def _drain(self) -> None:
        """Until no session is left, or the time is over; what is left then is heard again elsewhere."""
        self._draining = True
        self._set_ready(False)
        if len(self._table):
            log.info("draining", extra={"sessions": len(self._table)})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_timeout):
                # Polled: sessions end in many places, and only this waits for it.
                while len(self._table):  # noqa: ASYNC110
                    await asyncio.sleep(_DRAIN_POLL_S)

    async def _run_engine(self, serving: Coroutine[None, None, None]) -> None:
        try:
            await serving
        except* EngineDead:
            # Its sessions go elsewhere when their link ends. Nothing is said of them before, so that their
            # gateways know which were in decode.
            self._set_ready(False)
            raise

    async def _keep_house(self) -> None:
        trimmer = IdleTrimmer()
        while True:
            due = self._clock.now() + HEARTBEAT_S
            await asyncio.sleep(HEARTBEAT_S)
            self._metrics.loop_lag(self._clock.now() - due)
            self._health.turned()
            self._engine.check()
            if self._file is not None and self._file.changed():
                self._take_over(self._file.settings)
            for session in self._table.evict_silent():
                log.warning("session evicted", extra={"session": session.id})
            self._table.report()
            self._metrics.lag(self._load().lag_ms / 1000)
            self._links.announce_load()
            if trimmer.observe(len(self._table)):
                trim_heap()

    def _take_over(self, settings: Settings) -> None:
        """What of them a worker can change while it runs."""
        self._settings = self._settings.model_copy(update={"drain_timeout": settings.drain_timeout})
        self._links.max_speaking = settings.max_speaking
        configure_logs(f"worker-{self._index}", settings.log_level, settings.log_format)
        log.info("settings taken over")

    def _set_ready(self, ready: bool) -> None:
        self._ready = ready
        self._links.announce_load()


def _run_dir(settings: Settings) -> Path:
    if settings.run_dir is None:
        raise BootFailed("a worker needs run_dir, the folder where its gateways look for its socket")
    return settings.run_dir


def run(settings: Settings, index: int, incarnation: str = "", file: SettingsFile | None = None) -> None:
    """Run worker `index` until it is told to stop; how else it ends is in `worker/exits.py`. `incarnation`:
    what its supervisor, if it has one, calls this process; `file`: where that tells new settings."""
    configure_logs(f"worker-{index}", settings.log_level, settings.log_format)
    set_defaults(os.environ)
    os.environ.update(client_limits(settings))
    pin_to_cores(settings, index)
    sys.setswitchinterval(SWITCH_S)
    with told_and_exited():
        _run_dir(settings)
        check_card(settings)
        settings = only_own_card(with_advertise_host(settings), os.environ)
        engine = create_engine(settings, f"engine-{index}")
        process = WorkerProcess(settings, index, engine, incarnation, file)
        uvloop.run(process.serve())
