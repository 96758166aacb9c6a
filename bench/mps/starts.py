"""One instance started on one card: when each worker is ready, and who runs under its MPS daemon."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from bench.mps.host import card_facts, left_over, memory_mib
from bench.mps.record import Start
from bench.mps.serving import Event, Serving, ServingFailed
from common.ops_client import FetchFailed
from worker.mps_control import NoAnswer, ask, clients, servers
from worker.process_stat import is_under

# For each worker, and for what all of them have in common.
LIMIT_EACH_S: Final = 90.0
_LIMIT_MORE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Instance:
    """`flags`: of `voxshard serve`, without `--workers`, `--engine` and `--mps`. `logs`: what it says is kept
    there, if anywhere."""

    engine: str
    flags: tuple[str, ...] = ()
    logs: Path | None = None

    def command(self, workers: int) -> tuple[str, ...]:
        return ("--mps", "on", "--engine", self.engine, "--workers", str(workers), *self.flags)

    def limit_s(self, workers: int) -> float:
        return workers * LIMIT_EACH_S + _LIMIT_MORE_S


def measure_start(instance: Instance, workers: int) -> Start:
    """Never raises for what the instance does: the record says it."""
    start = Start(workers)
    try:
        with serving(instance, workers) as running:
            start = seen(running, workers)
            stop_s = running.stop()
    except (ServingFailed, FetchFailed, NoAnswer, TimeoutError) as error:
        return replace(start, failure=str(error), left=left_over())
    return replace(start, stop_s=stop_s, left=left_over())


@contextmanager
def serving(instance: Instance, workers: int) -> Iterator[Serving]:
    """It is ready. Raises `ServingFailed`."""
    with (
        tempfile.TemporaryDirectory(prefix="mps-") as folder,
        Serving(instance.command(workers), Path(folder)) as running,
    ):
        try:
            running.wait_ready(instance.limit_s(workers))
            yield running
        finally:
            if instance.logs is not None:
                running.keep_log(instance.logs / f"serve-{workers}.log")


def seen(running: Serving, workers: int) -> Start:
    """An instance that is ready, as it says itself and as the daemon and the card see it."""
    events = running.events
    pids = [pid for name, pid in running.pids().items() if name.startswith("worker-") and pid is not None]
    server, found = asyncio.run(clients_of(pipes_of(events)))
    return Start(
        workers=workers,
        ready_s=ready_times(events, running.began),
        all_s=max(event.at for event in events if event.message == "child ready") - running.began,
        attached=round(sum(running.total(f"worker-{index}", "asr_mps_attached") for index in range(workers))),
        clients=len(found),
        of_workers=sum(any(is_under(client, pid) for pid in pids) for client in found),
        server=server,
        memory_mib=memory_mib(card_facts()),
    )


def pipes_of(events: Sequence[Event]) -> Path:
    """Of the daemon that the supervisor has started."""
    return Path(next(event.fields["pipes"] for event in events if "pipes" in event.fields))


async def clients_of(pipes: Path) -> tuple[str, list[int]]:
    """The state of the servers, and all of their clients."""
    states, found = [], []
    for server in await servers(pipes):
        states.append(" ".join((await ask(pipes, f"get_server_status {server}")).split()))
        found += await clients(pipes, server)
    return ", ".join(states), found


def ready_times(events: Sequence[Event], began: float) -> tuple[float, ...]:
    """When each worker was ready, in seconds from `began`."""
    ready = (e for e in events if e.message == "child ready" and e.fields["child"].startswith("worker-"))
    return tuple(round(event.at - began, 3) for event in ready)
