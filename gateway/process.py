"""One gateway process: live port, HTTP port, ops port, and the links to the workers."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import signal
from typing import Final

import uvloop

from common.advertise import NoAdvertiseHost, with_advertise_host
from common.clock import MonotonicClock, UnixClock
from common.end_notice import IS_GIVEN
from common.identity import instance_name, member_id
from common.logs import configure_logs
from common.loop_health import LoopHealth
from common.notify import notify_ready
from common.ops_server import OpsPortTaken, OpsServer, Reply, json_reply, metrics_reply, ready_reply
from common.process import BOOT_FAILED, FAULT, wait_for_stop_signal
from common.proxies import parse_proxies
from common.registry.base import UnusableUrl
from common.run_files import worker_end_notice, worker_socket
from common.scrape import instance_targets
from common.settings import Settings
from common.settings_file import SettingsFile
from common.tracing import make_tracing
from gateway.boot import BootFailed
from gateway.causes import Causes
from gateway.connection import live_limits
from gateway.defaults import default_options
from gateway.departure import Departure
from gateway.dialing import over_socket
from gateway.entrance import let_in, make_doors
from gateway.host_view import GatewayRow, HostView, Seen, gateway_metrics_url, other_gateways
from gateway.http import HttpServer, create_app
from gateway.link_keeper import Member
from gateway.live_services import LiveServices
from gateway.live_sessions import LiveSessions
from gateway.lost_workers import LostWorkers
from gateway.metrics import GatewayMetrics
from gateway.neighbours import make_neighbours
from gateway.registry.choice import make_registry
from gateway.relay_services import RelayServices
from gateway.reloaded import reloaded, time_limits, worker_limits
from gateway.resume_tokens import ResumeTokens
from gateway.sockets import CannotListen, bind_socket
from gateway.websocket import Handler, Request, listen, serve
from gateway.worker_link import WorkerLink
from gateway.worker_pool import WorkerPool

log = logging.getLogger(__name__)

LIMITS_CHECK_S: Final = 0.25
# For the last finals; within the time that the supervisor gives a child to end.
GOODBYE_S: Final = 5.0


class GatewayProcess:
    """Everything one gateway owns, put together."""

    def __init__(self, settings: Settings, index: int, file: SettingsFile | None) -> None:
        self._settings = settings
        self._file = file
        self._index = index
        self._clock = MonotonicClock()
        self._health = LoopHealth(self._clock)
        self._name = member_id(settings, index)
        self._metrics = GatewayMetrics(self._name)
        self._sessions = LiveSessions(self._metrics)
        url = gateway_metrics_url(settings, index)
        self._causes = Causes()
        lost = LostWorkers(self._clock, self._causes)

        def make_link() -> WorkerLink:
            limits = worker_limits(self._settings)
            return WorkerLink(self._name, url, limits, self._metrics.stale_frame, lost)

        self._registry = make_registry(
            settings.redis_url, settings.placement_seed, self._clock, self._metrics
        )
        seed = self._registry.seed
        self._pool = WorkerPool(own_workers(settings), seed.current, make_link, self._metrics.hosts)
        self._metrics.count_waiting(lambda: self._pool.waiting)
        self._neighbours = make_neighbours(
            settings, self._pool.follow, self._row, self._metrics.hosts, self._clock
        )
        self._doors = make_doors(settings, self._clock, self._metrics)
        self._tracing = make_tracing(settings, "gateway", self._name, self._metrics.spans)
        self._leaving = False
        self._services = LiveServices(
            relay=RelayServices(
                self._pool,
                self._registry.sessions,
                self._metrics,
                self._clock,
                settings.failover_timeout,
                lost.eta_s,
            ),
            sessions=self._sessions,
            metrics=self._metrics,
            clock=self._clock,
            tokens=ResumeTokens(seed.known, UnixClock().now, lambda: seed.is_agreed),
            options=default_options(settings),
            limits=time_limits(settings),
            slow_reader_timeout_s=settings.slow_reader_timeout,
            tracing=self._tracing,
        )

    async def serve(self) -> None:
        """Until a stop signal."""
        settings = self._settings
        port, http_port = settings.live_port(self._index), settings.http_port_of(self._index)
        shared = settings.gateways > 1 and not settings.proxied
        ops = self._start_ops()
        http_socket = bind_socket(settings.http_host, http_port, reuse_port=shared)
        proxies = parse_proxies(settings.trusted_proxies)
        http = HttpServer(create_app(self._host_view(), self._is_ready), http_socket, proxies)
        # Whoever comes from here on waits in the socket until there is somebody to serve him.
        live_socket = listen(settings.host, port, reuse_port=shared)
        try:
            async with asyncio.TaskGroup() as tasks:
                serving = [
                    tasks.create_task(self._pool.run(), name="worker-pool"),
                    tasks.create_task(self._causes.run(), name="causes"),
                    tasks.create_task(self._neighbours.run(), name="neighbours"),
                    tasks.create_task(self._registry.run(), name="registry"),
                    tasks.create_task(self._doors.run(), name="doors"),
                    tasks.create_task(self._keep_limits(), name="limits"),
                    tasks.create_task(self._notify_once_ready(), name="notify"),
                ]
                await self._registry.asked()
                live = await serve(
                    live_socket,
                    self._connection,
                    limits=live_limits(settings.idle_timeout),
                    proxies=proxies,
                    slowed=self._metrics.slowed,
                )
                http.start()
                # What start-up made lives for ever: the collector need not look at it again.
                gc.freeze()
                told = await wait_for_stop_signal()
                live.close()
                await self._leave(drains=told is signal.SIGTERM)
                await http.stop()
                if self._tracing is not None:
                    await self._tracing.close()
                for task in serving:
                    task.cancel()
        finally:
            ops.close()

    async def _leave(self, *, drains: bool) -> None:
        self._leaving = True
        departure = Departure(self._sessions, self._metrics, random.Random())
        if drains:
            async with asyncio.TaskGroup() as tasks:
                draining = tasks.create_task(departure.drain(self._settings.drain_timeout), name="drain")
                # Who says it twice means it.
                hurrying = tasks.create_task(wait_for_stop_signal(), name="hurry")
                await asyncio.wait({draining, hurrying}, return_when=asyncio.FIRST_COMPLETED)
                draining.cancel()
                hurrying.cancel()
        await departure.hurry(GOODBYE_S)

    def _is_ready(self) -> bool:
        return self._pool.ready and not self._leaving

    def _connection(self, request: Request) -> Handler:
        return let_in(request, self._doors, self._services)

    async def _keep_limits(self) -> None:
        while True:
            due = self._clock.now() + LIMITS_CHECK_S
            await asyncio.sleep(LIMITS_CHECK_S)
            self._metrics.loop_lag(self._clock.now() - due)
            self._health.turned()
            await self._sessions.check_limits(self._clock.now())
            self._doors.refresh()
            if self._file is not None and self._file.changed():
                self._take_over(self._file.settings)

    def _take_over(self, settings: Settings) -> None:
        """Connections that come from now on have them, and the limits of workers and the drain at once."""
        try:
            self._services = reloaded(self._services, settings)
        except BootFailed as error:
            # The supervisor has looked, and a file is another one since.
            log.error("settings cannot be used, the former ones stay", extra={"cause": str(error)})
            return
        self._settings = settings
        self._pool.limit(worker_limits(settings))
        configure_logs(f"gateway-{self._index}", settings.log_level, settings.log_format)
        log.info("settings taken over")

    async def _notify_once_ready(self) -> None:
        """Ready means that a session can be placed."""
        await self._pool.wait_ready()
        notify_ready()

    # --- views ---------------------------------------------------------------------------------

    def _row(self) -> GatewayRow:
        return GatewayRow(
            id=self._name,
            pid=os.getpid(),
            state="ready" if self._is_ready() else "not_ready",
            sessions=self._sessions.count,
            metrics_url=gateway_metrics_url(self._settings, self._index),
        )

    def _host_view(self) -> HostView:
        others = other_gateways(self._settings, self._index)
        seen = Seen(self._pool.rows, self._pool.own_rows, self._row, self._neighbours.gateways)
        return HostView(seen, others, self._metrics.registry)

    def _ready_reply(self) -> Reply:
        why_not = "it is going to end" if self._leaving else "no worker is ready"
        return ready_reply(ready := self._is_ready(), "" if ready else why_not)

    def _start_ops(self) -> OpsServer:
        own_targets = instance_targets(self._settings)
        ops = OpsServer(
            self._settings.ops_host,
            self._settings.gateway_ops_port + self._index,
            {
                "/metrics": lambda: metrics_reply(self._metrics.registry),
                "/healthz": self._health.reply,
                "/readyz": self._ready_reply,
                "/status": lambda: json_reply(self._row()),
                "/targets": lambda: json_reply([*own_targets, *self._neighbours.targets()]),
            },
        )
        ops.start()
        return ops


def own_workers(settings: Settings) -> list[Member]:
    """Those of this instance, by their sockets. Raises `BootFailed`."""
    run_dir = settings.run_dir
    if run_dir is None:
        if settings.workers:
            raise BootFailed("a gateway needs run_dir, the folder where its workers have their sockets")
        return []
    return [
        Member(
            member_id(settings, number),
            instance_name(settings),
            over_socket(worker_socket(run_dir, number)),
            end_notice=worker_end_notice(run_dir, number) if IS_GIVEN else None,
        )
        for number in range(settings.workers)
    ]


def run(settings: Settings, index: int, file: SettingsFile | None = None) -> None:
    """Run gateway `index` until it is told to stop. Exits with `BOOT_FAILED` when it cannot, and with
    `FAULT`. `file`: where its supervisor, if it has one, tells new settings."""
    configure_logs(f"gateway-{index}", settings.log_level, settings.log_format)
    try:
        uvloop.run(GatewayProcess(with_advertise_host(settings), index, file).serve())
    except* (BootFailed, CannotListen, NoAdvertiseHost, OpsPortTaken, UnusableUrl) as errors:
        log.critical("cannot boot", exc_info=errors)
        raise SystemExit(BOOT_FAILED) from None
    except* Exception as errors:
        log.critical("gateway ended by an error", exc_info=errors)
        raise SystemExit(FAULT) from None
