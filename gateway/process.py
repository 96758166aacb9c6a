"""One gateway process: live port, HTTP port, ops port, and the links to the workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import Final

import uvloop

from common.clock import MonotonicClock
from common.events import SessionOptions
from common.logs import configure_logs
from common.notify import notify_ready
from common.ops_server import OpsServer, json_reply, metrics_reply, ready_reply
from common.process import BOOT_FAILED, end_with_parent, wait_for_stop_signal
from common.settings import Settings
from common.silence import parse_schedule
from gateway.dialects.option_texts import parse_hotwords
from gateway.host_view import GatewayRow, HostView, other_gateways
from gateway.http import HttpServer, create_app
from gateway.live import LiveConnection
from gateway.live_services import LiveServices
from gateway.live_sessions import LiveSessions
from gateway.metrics import GatewayMetrics
from gateway.sockets import bind_socket
from gateway.websocket import serve
from gateway.worker_pool import WorkerPool

log = logging.getLogger(__name__)

LIMITS_CHECK_S: Final = 0.25
# Long enough for close frames to leave; nobody waits for clients that do not answer.
GOODBYE_S: Final = 1.0


class GatewayProcess:
    """Everything one gateway owns, put together."""

    def __init__(self, settings: Settings, index: int) -> None:
        assert settings.run_dir is not None
        self._settings = settings
        self._index = index
        self._clock = MonotonicClock()
        self._metrics = GatewayMetrics(str(index))
        self._sessions = LiveSessions(self._metrics)
        me = (str(index), self._metrics_url(index))
        seed = settings.placement_seed
        self._pool = WorkerPool(settings.run_dir, settings.workers, seed, me, self._clock)
        self._services = LiveServices(
            pool=self._pool,
            sessions=self._sessions,
            metrics=self._metrics,
            clock=self._clock,
            options=default_options(settings),
            idle_timeout_s=settings.idle_timeout,
            slow_reader_timeout_s=settings.slow_reader_timeout,
        )

    def _metrics_url(self, index: int) -> str:
        return f"http://{self._settings.ops_host}:{self._settings.gateway_ops_port + index}/metrics"

    async def serve(self) -> None:
        """Until a stop signal."""
        settings = self._settings
        shared = settings.gateways > 1
        ops = self._start_ops()
        http_socket = bind_socket(settings.http_host, settings.http_port, reuse_port=shared)
        http = HttpServer(create_app(self._host_view(), lambda: self._pool.ready), http_socket)
        live = await serve(settings.host, settings.port, self._connection, reuse_port=shared)
        try:
            async with asyncio.TaskGroup() as tasks:
                serving = [
                    tasks.create_task(self._pool.run(), name="worker-pool"),
                    tasks.create_task(self._keep_limits(), name="limits"),
                    tasks.create_task(self._notify_once_ready(), name="notify"),
                ]
                http.start()
                await wait_for_stop_signal()
                live.close()
                await self._say_goodbye()
                await http.stop()
                for task in serving:
                    task.cancel()
        finally:
            ops.close()

    def _connection(self) -> LiveConnection:
        return LiveConnection(self._services)

    async def _keep_limits(self) -> None:
        while True:
            await asyncio.sleep(LIMITS_CHECK_S)
            self._sessions.check_limits(self._clock.now())

    async def _notify_once_ready(self) -> None:
        """Ready means that a session can be placed."""
        await self._pool.wait_ready()
        notify_ready()

    async def _say_goodbye(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._sessions.restart(), GOODBYE_S)

    # --- views ---------------------------------------------------------------------------------

    def _row(self) -> GatewayRow:
        return GatewayRow(
            id=str(self._index),
            pid=os.getpid(),
            state="ready" if self._pool.ready else "not_ready",
            sessions=self._sessions.count,
            metrics_url=self._metrics_url(self._index),
        )

    def _host_view(self) -> HostView:
        others = other_gateways(self._settings, self._index)
        return HostView(self._pool.rows, self._row, others, self._metrics.registry)

    def _start_ops(self) -> OpsServer:
        ops = OpsServer(
            self._settings.ops_host,
            self._settings.gateway_ops_port + self._index,
            {
                "/metrics": lambda: metrics_reply(self._metrics.registry),
                "/healthz": lambda: json_reply({"status": "ok"}),
                "/readyz": lambda: ready_reply(self._pool.ready, "waiting for a worker"),
                "/status": lambda: json_reply(self._row()),
            },
        )
        ops.start()
        return ops


def default_options(settings: Settings) -> SessionOptions:
    """What is in force for a client that sets nothing. Raises `BadHotwords` or `OSError` for a bad file."""
    words: tuple[str, ...] = ()
    if settings.hotword_file is not None:
        words = parse_hotwords(",".join(settings.hotword_file.read_text().splitlines()))
    return SessionOptions(
        language=settings.language,
        hotwords=words,
        silence_schedule=parse_schedule(settings.silence_schedule),
    )


def run(settings: Settings, index: int) -> None:
    """Run gateway `index` until it is told to stop. Exits with `BOOT_FAILED` when it cannot."""
    configure_logs(f"gateway-{index}", settings.log_level)
    if "NOTIFY_SOCKET" in os.environ:
        end_with_parent()
    try:
        uvloop.run(GatewayProcess(settings, index).serve())
    except* Exception as errors:
        log.critical("gateway ended by an error", exc_info=errors)
        raise SystemExit(BOOT_FAILED) from None
