"""`voxshard serve`: the whole system on this machine, under one supervisor."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import typer
from prometheus_client import CollectorRegistry

from cli.options import UNUSABLE, load
from cli.supervisor.card import CardKeeper, running
from cli.supervisor.ends import EndBook
from cli.supervisor.errors import CannotServe
from cli.supervisor.gate import Gate
from cli.supervisor.hang_up import obey_hang_ups
from cli.supervisor.keeper import Keeper, Surroundings
from cli.supervisor.metrics import SupervisorMetrics
from cli.supervisor.model import with_prepared_model
from cli.supervisor.mps_choice import choose_daemon, under_mps
from cli.supervisor.mps_daemon import Daemon
from cli.supervisor.notify_socket import open_notify_socket
from cli.supervisor.ops import routes
from cli.supervisor.plan import child_environ, plan_children, stop_orders
from cli.supervisor.policy import Halt
from cli.supervisor.ports import check_ports, needed_ports
from cli.supervisor.reload import Reloader
from cli.supervisor.run_dir import NOTIFY_NAME, open_run_dir, with_seed, write_settings
from cli.supervisor.supervisor import Supervisor
from cli.supervisor.usable import check_usable
from cli.supervisor.watchdog import keep_turning, told_every_s
from common.addresses import http_url, reachable_host
from common.advertise import NoAdvertiseHost, with_advertise_host
from common.clock import MonotonicClock
from common.logs import configure_logs
from common.loop_health import LoopHealth
from common.notify import notify_ready
from common.ops_server import OpsPortTaken, OpsServer, json_reply
from common.process import BOOT_FAILED, wait_for_stop_signal
from common.settings import Settings
from common.settings_source import SettingsSource
from worker.device import NoCard, check_card
from worker.mps_control import PIPES_VARIABLE

log = logging.getLogger(__name__)

# The stop signal that comes first.
Told = asyncio.Task[signal.Signals]


def serve(source: SettingsSource) -> None:
    """Run the whole system on this machine: workers, gateways, and the supervisor that watches them."""
    loaded = load(source)
    try:
        check_usable(loaded)
        settings = with_seed(with_advertise_host(loaded))
        check_ports(needed_ports(settings))
        # Gateways touch none.
        if settings.workers:
            check_card(settings)
        with open_run_dir(settings.run_dir) as run_dir:
            configure_logs("supervisor", settings.log_level, settings.log_format)
            ready = with_prepared_model(settings, run_dir)
            halt = asyncio.run(_supervise(source, loaded, ready, run_dir)) if ready is not None else None
    except (CannotServe, NoAdvertiseHost, NoCard, OpsPortTaken) as error:
        typer.echo(f"voxshard serve: {error}", err=True)
        raise typer.Exit(UNUSABLE) from error
    if halt is not None:
        typer.echo(f"voxshard serve: {halt.message}", err=True)
        raise typer.Exit(BOOT_FAILED)


async def _supervise(source: SettingsSource, loaded: Settings, ready: Settings, run_dir: Path) -> Halt | None:
    metrics = SupervisorMetrics(CollectorRegistry())
    daemon = choose_daemon(ready, run_dir, os.environ)
    settings = ready if daemon is None else under_mps(ready)
    reloader = Reloader(source, loaded, settings, run_dir)
    # First of all: a signal that comes while the daemon starts must leave neither it nor the run folder.
    told = asyncio.create_task(wait_for_stop_signal(), name="told")
    try:
        # It listens from its first step on.
        await asyncio.sleep(0)
        if daemon is None:
            return await _run(run_dir, metrics, None, reloader, told)
        async with running(daemon, metrics):
            return await _run(run_dir, metrics, daemon, reloader, told)
    finally:
        told.cancel()


async def _run(
    run_dir: Path, metrics: SupervisorMetrics, daemon: Daemon | None, reloader: Reloader, told: Told
) -> Halt | None:
    """`daemon`: the MPS daemon that workers are to run under."""
    settings = reloader.running
    async with open_notify_socket(run_dir / NOTIFY_NAME) as notify:
        ends, gate, clock = EndBook(), Gate(), MonotonicClock()
        environ = child_environ(os.environ, notify.path, sys.path, os.getcwd())
        if daemon is not None:
            environ[PIPES_VARIABLE] = str(daemon.pipes)
        limits = (settings.boot_timeout, settings.hang_timeout)
        around = Surroundings(environ, notify, metrics, ends, clock, *limits, gate)
        specs = plan_children(settings, write_settings(settings, run_dir), os.getpid())
        supervisor = Supervisor([Keeper(spec, around) for spec in specs], lambda: _announce(settings))
        card = CardKeeper(daemon, gate, metrics, clock) if daemon is not None else None
        health = LoopHealth(clock, told_every_s(os.environ, os.getpid()))
        answers = routes(supervisor, metrics, ends, health) | {"/reloads": lambda: json_reply(reloader.view)}
        ops = OpsServer(settings.ops_host, settings.supervisor_ops_port, answers)
        ops.start()
        try:
            return await _run_until_signal(supervisor, card, reloader, health, told)
        finally:
            ops.close()


async def _run_until_signal(
    supervisor: Supervisor,
    card: CardKeeper | None,
    reloader: Reloader,
    health: LoopHealth,
    told: Told,
) -> Halt | None:
    async def stop_at_signal() -> None:
        supervisor.stop(stop_orders(reloader.running, await told))
        await wait_for_stop_signal()
        # Who says it twice means it.
        supervisor.stop()

    async def keep_card() -> None:
        if card is not None:
            supervisor.give_up(await card.run())

    async with asyncio.TaskGroup() as tasks:
        beside = [
            tasks.create_task(keep_turning(health), name="health"),
            tasks.create_task(stop_at_signal(), name="signals"),
            tasks.create_task(keep_card(), name="card"),
            tasks.create_task(obey_hang_ups(reloader.reload, supervisor.stop), name="hang-ups"),
        ]
        try:
            return await supervisor.run()
        finally:
            for task in beside:
                task.cancel()


def _announce(settings: Settings) -> None:
    """To whoever started this over NOTIFY_SOCKET, to people on stdout; either may be gone by now."""
    for tell in (notify_ready, lambda: print(*addresses(settings), "ready", sep="\n", flush=True)):
        try:
            tell()
        except OSError as error:
            log.warning("nobody there to be told that all is ready", extra={"cause": error.strerror})


def addresses(settings: Settings) -> list[str]:
    """Where to connect, one line each."""

    def ops(port: int) -> str:
        return http_url(settings.ops_host, port)

    return [
        *(f"live ws://{reachable_host(settings.host)}:{port}" for port in _live_ports(settings)),
        *(f"http {http_url(settings.http_host, port)}" for port in _http_ports(settings)),
        *(
            f"ops gateway-{index} {ops(settings.gateway_ops_port + index)}"
            for index in range(settings.gateways)
        ),
        *(f"ops worker-{index} {ops(settings.worker_ops_port + index)}" for index in range(settings.workers)),
        f"ops supervisor {ops(settings.supervisor_ops_port)}",
    ]


def _live_ports(settings: Settings) -> Iterable[int]:
    """One, unless gateways have their own."""
    return dict.fromkeys(map(settings.live_port, range(settings.gateways)))


def _http_ports(settings: Settings) -> Iterable[int]:
    return dict.fromkeys(map(settings.http_port_of, range(settings.gateways)))
