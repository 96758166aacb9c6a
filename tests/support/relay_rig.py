"""A session's relay between a client and workers that are the test."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.checkpoint import Checkpoint
from common.errors import NoWorker, VoxshardError
from common.events import Event, Failed, SessionOptions
from gateway.metrics import GatewayMetrics
from gateway.registry.base import PinHolder
from gateway.relay import RelayServices, SessionRelay
from gateway.session_log import Order
from gateway.session_seams import Relayed
from tests.support.clock import ManualClock

CREDIT = 64_000
PATIENCE_S = 60.0


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

    def audio(self, first: int, pcm: bytes) -> None:
        self.told.append((first, first + len(pcm) // 2))
        self.heard += pcm

    def order(self, order: Order) -> None:
        self.told.append(order)

    def configure(self, options: SessionOptions) -> None:
        self.told.append(options)

    def close(self) -> None:
        self.closed = True


class Workers:
    """A pool that takes the first ready worker that is not to be avoided."""

    def __init__(self, *ready: str) -> None:
        self.ready = list(ready)
        self.placed: list[Placed] = []
        self.waiting: list[Relayed] = []

    def open(self, session: Relayed, options: SessionOptions, epoch: int, avoid: str | None) -> Placed:
        if not self.ready:
            raise NoWorker()
        worker = next((worker for worker in self.ready if worker != avoid), self.ready[0])
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

    def claim(self, session: str, at_least_epoch: int, holder: PinHolder) -> bool:
        self.holders[session] = holder
        return self.at_once

    def release(self, session: str) -> None:
        self.holders.pop(session, None)

    async def run(self) -> None:
        raise NotImplementedError


class Client:
    """Notes what the live connection is told."""

    def __init__(self) -> None:
        self.told: list[Event | str] = []
        self.flowed = 0

    def opened(self) -> None:
        self.told.append("opened")

    def flows(self) -> None:
        self.flowed += 1

    def event(self, event: Event) -> None:
        self.told.append(event)

    def given_up(self) -> None:
        self.told.append("given up")

    def broken(self) -> None:
        self.told.append("broken")


class RelayRig:
    def __init__(self, *workers: str, pinned: bool = True) -> None:
        self.workers = Workers(*(workers or ("0", "1")))
        self.pins = Pins(at_once=pinned)
        self.client = Client()
        self.clock = ManualClock()
        self.metrics = GatewayMetrics("0")
        services = RelayServices(self.workers, self.pins, self.metrics, self.clock, PATIENCE_S)
        self.relay = SessionRelay("call", SessionOptions(), self.client, services)
        self.relay.start()

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

    def lose(self) -> None:
        """The worker of the moment dies."""
        if self.now.worker in self.workers.ready:
            self.workers.ready.remove(self.now.worker)
        self.relay.worker_lost()

    def fail(self, error: type[VoxshardError]) -> None:
        self.relay.event(Failed(error.code, error().text))

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"gateway": "0", **labels})
