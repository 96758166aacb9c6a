"""`python -m bench live STREAMS`: paced live streams against a deployment, or a peer's server.

Needs no synthesiser and no model, so it runs beside a deployment on a machine with a GPU.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from rich.console import Console

from bench.live_flags import LiveFlags, Load, parse_live_flags
from bench.live_material import Loop, make_loop
from bench.live_metrics import changes, scrape
from bench.live_processes import LiveError, run_clients
from bench.live_record import Judgement, LiveResult, LiveRun, Setup, measured
from bench.live_setup import gpus, model_versions
from bench.live_trace import Job, StreamPlan
from bench.peers.launch import PeerError, funasr_servers
from bench.report import make_header, show, write_json
from bench.speech import read_speech

# Behind ramp and audio: what has not come until then is counted as lost.
GRACE_S: Final = 60.0
LOG_WIDTH: Final = 150


def main(arguments: Sequence[str]) -> None:
    """Exit status 1 when nothing could be measured; lost streams are figures of the record."""
    flags = parse_live_flags(arguments)
    command = shlex.join(["python", "-m", "bench", "live", *arguments])
    header = make_header(command, datetime.now(UTC).isoformat(timespec="seconds"), _server_name(flags))
    try:
        result = measure(flags)
    except (LiveError, PeerError) as error:
        sys.exit(str(error))
    # In a log, too, every column stays readable.
    show(header, result, Console(width=None if sys.stdout.isatty() else LOG_WIDTH))
    if flags.output is not None:
        write_json(flags.output, header, result)


def measure(flags: LiveFlags) -> LiveResult:
    """Raises `LiveError` and `PeerError`."""
    loop = make_loop(read_speech(), flags.load.material)
    with _servers(flags) as servers:
        runs = [run_once(flags, servers, count, loop) for count in flags.load.streams]
    return LiveResult(setup_of(flags), tuple(runs))


def run_once(
    flags: LiveFlags, servers: Sequence[str], count: int, loop: Loop, begun: Callable[[], None] = lambda: None
) -> LiveRun:
    """`begun` is called when the streams begin. Raises `LiveError`."""
    load = flags.load
    before = scrape(flags.metrics)
    reports = run_clients(make_jobs(load, servers, count, loop), begun)
    series = changes(before, scrape(flags.metrics))
    return measured(reports, Judgement(loop, load.seconds, flags.interval_ms, flags.cap_ms), series)


def make_jobs(load: Load, servers: Sequence[str], count: int, loop: Loop) -> tuple[Job, ...]:
    """`count` streams, spread over the ramp, the servers in turn and the client processes in turn."""
    plans = [
        StreamPlan(
            number=number,
            url=servers[number % len(servers)],
            delay_s=load.ramp_s * number / count,
            offset=loop.offset(number, count),
        )
        for number in range(count)
    ]
    deadline_s = load.ramp_s + load.seconds + GRACE_S
    clients = min(load.clients, count)
    return tuple(
        Job(tuple(plans[first::clients]), load.material, load.seconds, deadline_s, load.resume)
        for first in range(clients)
    )


@contextmanager
def _servers(flags: LiveFlags) -> Iterator[tuple[str, ...]]:
    if flags.peer is None:
        yield flags.servers
    else:
        with funasr_servers(flags.peer) as servers:
            yield servers


def _server_name(flags: LiveFlags) -> str:
    if flags.peer is None:
        return ", ".join(flags.servers)
    return f"funasr realtime_ws × {len(flags.peer.ports)}"


def setup_of(flags: LiveFlags) -> Setup:
    load = flags.load
    return Setup(
        server="voxshard" if flags.peer is None else f"funasr × {len(flags.peer.ports)}",
        material=load.material,
        seconds=load.seconds,
        ramp_s=load.ramp_s,
        interval_ms=flags.interval_ms,
        cap_ms=flags.cap_ms,
        clients=load.clients,
        note=flags.note,
        gpus=gpus(),
        versions=model_versions(),
    )
