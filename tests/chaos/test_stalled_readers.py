"""Clients that never read and handshakes that never end: bounded memory, and nobody else hears of them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Final

import msgspec
import psutil
import pytest
import uvloop

from common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from gateway.connection import DEFAULT_LIMITS
from gateway.outbox import MAX_BYTES
from tests.chaos import stalled
from tests.chaos.conftest import Show
from tests.chaos.figures import Delay, Table, finals, interims, quantile, quantiles
from tests.chaos.history import History
from tests.chaos.laws import check
from tests.chaos.recorder import record
from tests.chaos.script import Script
from tests.chaos.size import ARRIVAL_S, SIZE, STALLED
from tests.chaos.stalled import CLIENTS_PER_S, LIVE, Toll
from tests.support.exposition import Metrics
from tests.support.processes import ROOT, Deployment, Plan
from tests.support.trouble import SCHEDULE

# Half of the measured time, so that some are sent away in a short run as well; no more than the default.
_SLOW_READER_S: Final = min(30.0, STALLED.seconds / 2)
# What any session may keep of its audio: 4 s of silence until it is settled, credit of 4 s, and some more.
_AUDIO_BYTES: Final = 10 * SAMPLE_RATE * BYTES_PER_SAMPLE
# And for one that does not read: sent but not taken, half received, unread events.
_UNREAD_BYTES: Final = DEFAULT_LIMITS.high_water_bytes + DEFAULT_LIMITS.message_bytes + MAX_BYTES
_WORSE_AT_MOST: Final = 1.2
# Turns of other processes on the same cores: below this a difference is not the gateway's.
_GRAIN_S: Final = 0.02
_SETTLED_S: Final = 2.0
_ALL_LIVE_S: Final = 60 + 2 * STALLED.readers / CLIENTS_PER_S
_MEMORY_EVERY_S: Final = 0.1
_LENGTH_S: Final = (
    STALLED.healthy * ARRIVAL_S + 3 * STALLED.seconds + 2 * STALLED.readers / CLIENTS_PER_S + 20
)

pytestmark = [pytest.mark.fault, pytest.mark.timeout(_LENGTH_S + _ALL_LIVE_S + 120)]


@dataclass(frozen=True, slots=True)
class Phase:
    """A time with its load, monotonic seconds; the most memory that the gateway had in it."""

    begin: float
    end: float
    most_bytes: int

    def of(self, delays: Iterable[Delay]) -> list[float]:
        """Those of audio that was sent in it, in seconds."""
        return [delay.seconds for delay in delays if self.begin <= delay.sent_at < self.end]


@dataclass(frozen=True, slots=True)
class Siege:
    """`alone`: the healthy sessions; `beside_readers`, `beside_stalled`: with as many others that
    read, and that do not. `toll`: of the last."""

    histories: tuple[History, ...]
    alone: Phase
    beside_readers: Phase
    beside_stalled: Phase
    toll: Toll
    metrics: Metrics

    def bytes_each(self, phase: Phase) -> float:
        """Of those that came in this phase."""
        return (phase.most_bytes - self.alone.most_bytes) / STALLED.readers

    @property
    def slow_readers(self) -> float:
        """Closed 1008 by the gateway."""
        try:
            return self.metrics.total("asr_gateway_closes_total", code="1008", reason="slow_reader")
        except KeyError:
            return 0

    def finals(self, phase: Phase) -> list[float]:
        """Seconds from the audio at each sentence's endpoint to its text."""
        return phase.of(chain.from_iterable(map(finals, self.histories)))

    def interims(self, phase: Phase) -> list[float]:
        """The same for interim results."""
        return phase.of(chain.from_iterable(map(interims, self.histories)))


def test_clients_that_do_not_read_cost_little_memory_and_nobody_else_waits(show: Show) -> None:
    flags = ("--slow-reader-timeout", str(_SLOW_READER_S))
    with Deployment(Plan(workers=2, environ=SIZE.environ, flags=flags)) as deployment:
        siege = uvloop.run(_lay_siege(deployment))
    show(_table(siege))
    assert [violation for history in siege.histories for violation in check(history)] == []
    assert all(history.stopped for history in siege.histories)
    assert siege.bytes_each(siege.beside_stalled) <= _AUDIO_BYTES + _UNREAD_BYTES
    assert siege.slow_readers >= STALLED.readers, "some that do not read may stay"
    assert siege.toll.cut >= STALLED.handshakes
    assert siege.toll.longest_s <= DEFAULT_LIMITS.handshake_s + 2
    for latencies in (siege.finals, siege.interims):
        assert not _is_worse(latencies(siege.beside_stalled), than=latencies(siege.beside_readers))


async def _lay_siege(deployment: Deployment) -> Siege:
    url = f"{deployment.url}/?silence_schedule={SCHEDULE}"
    gateway = psutil.Process(deployment.child_pid("gateway-0"))

    async def healthy(number: int) -> History:
        await asyncio.sleep(number * ARRIVAL_S)
        return await record(url, Script(number, round(1000 * _LENGTH_S)))

    async with asyncio.TaskGroup() as tasks:
        sessions = [tasks.create_task(healthy(number)) for number in range(STALLED.healthy)]
        await asyncio.sleep(STALLED.healthy * ARRIVAL_S + _SETTLED_S)
        alone = await _phase(gateway)
        with _clients(stalled.READING, deployment.port, handshakes=0) as readers:
            beside_readers = await _beside(readers, gateway)
        await asyncio.sleep(_SETTLED_S)
        with _clients(stalled.STALLED, deployment.port, STALLED.handshakes) as others:
            beside_stalled = await _beside(others, gateway)
            toll = await asyncio.to_thread(_stop, others)
        metrics = await asyncio.to_thread(deployment.metrics, deployment.gateway_url(0))
    histories = tuple(session.result() for session in sessions)
    return Siege(histories, alone, beside_readers, beside_stalled, toll, metrics)


async def _beside(clients: subprocess.Popen[bytes], gateway: psutil.Process) -> Phase:
    assert await asyncio.wait_for(asyncio.to_thread(_line, clients), _ALL_LIVE_S) == LIVE
    return await _phase(gateway)


async def _phase(gateway: psutil.Process) -> Phase:
    begin, most = time.monotonic(), 0
    while time.monotonic() < begin + STALLED.seconds:
        most = max(most, gateway.memory_info().rss)
        await asyncio.sleep(_MEMORY_EVERY_S)
    return Phase(begin, time.monotonic(), most)


@contextmanager
def _clients(kind: str, port: int, handshakes: int) -> Iterator[subprocess.Popen[bytes]]:
    arguments = map(str, (kind, port, STALLED.readers, handshakes))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.stalled", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(clients: subprocess.Popen[bytes]) -> str:
    assert clients.stdout is not None
    return clients.stdout.readline().decode().strip()


def _stop(clients: subprocess.Popen[bytes]) -> Toll:
    out, _ = clients.communicate(timeout=30)
    return msgspec.json.decode(out, type=Toll)


def _is_worse(latencies: list[float], *, than: list[float]) -> bool:
    usual = quantile(than, 0.99)
    return quantile(latencies, 0.99) > max(_WORSE_AT_MOST * usual, usual + _GRAIN_S)


def _kib(size: float) -> str:
    return f"{size / 1024:.0f} KiB"


def _table(siege: Siege) -> Table:
    toll = siege.toll
    phases = {
        "alone": siege.alone,
        "with readers": siege.beside_readers,
        "with stalled": siege.beside_stalled,
    }
    return [
        ("healthy sessions", f"{STALLED.healthy}, for {STALLED.seconds:.0f} s each time"),
        ("beside them", f"{STALLED.readers} sessions, {STALLED.handshakes} slow handshakes"),
        ("sessions that read nothing", f"{toll.came} came, {toll.ended} were gone"),
        (
            "of those, closed 1008",
            f"{siege.slow_readers:.0f}, after {_SLOW_READER_S:.0f} s or for too much unread",
        ),
        ("handshakes cut", f"{toll.cut}, the longest after {toll.longest_s:.1f} s"),
        ("memory for each that stalls", _kib(siege.bytes_each(siege.beside_stalled))),
        ("memory for each that reads", _kib(siege.bytes_each(siege.beside_readers))),
        *(
            (f"gateway's memory, {name}", f"{phase.most_bytes / 1e6:.0f} MB")
            for name, phase in phases.items()
        ),
        *((f"finals, {name}", quantiles(siege.finals(phase))) for name, phase in phases.items()),
        *((f"interim results, {name}", quantiles(siege.interims(phase))) for name, phase in phases.items()),
    ]
