"""A session's relay between a client and workers that are the test."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.checkpoint import Checkpoint
from common.errors import NoWorker, VoxshardError
from common.events import Event, Failed, SessionOptions
from gateway.death import Death
from gateway.hold import Beginning, Registry
from gateway.metrics import GatewayMetrics
from gateway.registry.base import PinHolder
from gateway.registry.records import KeptSession, Record, RecordReader
from gateway.relay import SessionRelay
from gateway.relay_services import RelayServices
from gateway.session_log import Order
from gateway.session_seams import Relayed
from tests.support.clock import ManualClock

CREDIT = 64_000
PATIENCE_S = 60.0
NEW = Beginning("call", "")


@dataclass
class Placed:
    """One placement: what its worker was told."""

    worker: str
    epoch: int
    checkpoint: Checkpoint
    options: SessionOptions
    told: list[object] = field(default_factory=list)
    heard: bytes = b""
    closed: bool = False
    suspects: tuple[int, ...] | None = None

    def audio(self, first: int, pcm: bytes) -> None:
        self.told.append((first, first + len(pcm) // 2))
        self.heard += pcm

    def order(self, order: Order) -> None:
        self.told.append(order)

    def configure(self, options: SessionOptions) -> None:
        self.told.append(options)

    def suspect(self, segments: tuple[int, ...]) -> None:
        self.suspects = segments

    def close(self) -> None:
        self.closed = True


class Workers:
    """A pool that takes the first ready worker that is not to be avoided."""

    def __init__(self, *ready: str) -> None:
        self.ready = list(ready)
        self.placed: list[Placed] = []
        self.traces: list[str] = []
        self.waiting: list[Relayed] = []

    def open(self, session: Relayed, options: SessionOptions, epoch: int, avoid: str | None) -> Placed:
        if not self.ready:
            raise NoWorker()
        worker = next((worker for worker in self.ready if worker != avoid), self.ready[0])
        session.strikes.decoding(())
        self.traces.append(session.trace)
        self.placed.append(Placed(worker, epoch, session.checkpoint, options))
        return self.placed[-1]

    def wait(self, session: Relayed) -> None:
        self.waiting.append(session)

    def forget(self, session: Relayed) -> None:
        if session in self.waiting:
            self.waiting.remove(session)

    def serve_waiting(self) -> list[bool]:
        """A worker has said that it is ready."""
        waiting, self.waiting = self.waiting, []
        return [session.take_up() for session in waiting]


class Pins:
    """Grants every session, at once or when the test says so."""

    def __init__(self, at_once: bool = True) -> None:
        self.at_once = at_once
        self.holders: dict[str, PinHolder] = {}
        # What was asked for: the epoch to begin from, and whether it takes over.
        self.claims: list[tuple[int, bool]] = []

    def claim(
        self,
        session: str,
        at_least_epoch: int,
        holder: PinHolder,
        *,
        takes_over: bool = False,
        tenant: str = "",
    ) -> bool:
        self.holders[session] = holder
        self.claims.append((at_least_epoch, takes_over))
        return self.at_once

    def epoch(self, session: str) -> int:
        return self.claims[-1][0] + 1

    def release(self, session: str) -> None:
        self.holders.pop(session, None)

    async def run(self) -> None:
        raise AssertionError("nobody asked for that")


class Records:
    """Shows what is kept; saves and reads when the test says so."""

    def __init__(self) -> None:
        self.kept: KeptSession | None = None
        # Whether it came from here.
        self.known = False
        self.changes = 0
        self.left = False
        self.saved = True
        self.readers: list[RecordReader] = []

    @property
    def now(self) -> Record:
        assert self.kept is not None
        return self.kept.record

    def keep(self, kept: KeptSession, *, is_saved: bool = False) -> None:
        self.kept = kept
        self.known = is_saved

    def changed(self, kept: KeptSession) -> None:
        self.changes += 1

    def leave(self, kept: KeptSession) -> None:
        self.left = True

    def is_saved(self, kept: KeptSession) -> bool:
        return self.saved

    def load(self, session: str, epoch: int, reader: RecordReader) -> None:
        self.readers.append(reader)

    async def run(self) -> None:
        raise AssertionError("nobody asked for that")


class Client:
    """Notes what the live connection is told."""

    def __init__(self) -> None:
        self.told: list[Event | str] = []
        self.moved: list[tuple[str, str, int]] = []
        self.flowed = 0

    def opened(self) -> None:
        self.told.append("opened")

    def moves(self, why: str, worker: str, unsettled: int) -> None:
        self.moved.append((why, worker, unsettled))

    def flows(self) -> None:
        self.flowed += 1

    def event(self, event: Event) -> None:
        self.told.append(event)

    def given_up(self) -> None:
        self.told.append("given up")

    def broken(self) -> None:
        self.told.append("broken")


class RelayRig:
    def __init__(self, *workers: str, pinned: bool = True, beginning: Beginning = NEW) -> None:
        self.workers = Workers(*(workers or ("0", "1")))
        self.pins = Pins(at_once=pinned)
        self.records = Records()
        self.client = Client()
        self.clock = ManualClock()
        self.eta_s: int | None = None
        self.metrics = GatewayMetrics("0")
        registry = Registry(self.pins, self.records)
        self.services = RelayServices(
            self.workers, registry, self.metrics, self.clock, PATIENCE_S, lambda: self.eta_s
        )
        self.relay = SessionRelay(beginning, SessionOptions(), self.client, self.services)
        self.relay.start()

    @property
    def holder(self) -> PinHolder:
        """Who is told of the session's pin."""
        return self.pins.holders["call"]

    @property
    def now(self) -> Placed:
        """The placement of the moment."""
        return self.workers.placed[-1]

    def opens(self, credit: int = CREDIT) -> None:
        """The worker takes the session."""
        self.relay.opened()
        self.relay.credit(credit)

    def speak(self, samples: int) -> None:
        self.relay.audio(bytes(2 * samples))

    def lose(self) -> Death:
        """The worker of the moment dies."""
        if self.now.worker in self.workers.ready:
            self.workers.ready.remove(self.now.worker)
        death = Death()
        if self.relay.strikes.lost(death):
            death.when_known(self.relay.cause_known)
        self.relay.worker_lost()
        return death

    def fail(self, error: type[VoxshardError]) -> None:
        self.relay.strikes.refused(error.code)
        self.relay.event(Failed(error.code, error().text))

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"gateway": "0", **labels})
