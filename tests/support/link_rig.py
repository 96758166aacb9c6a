"""A link to a worker that is the test, and sessions that remember what they were told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from common.checkpoint import Checkpoint
from common.events import Event, SessionOptions
from common.link import LINK_VERSION, Frame, FrameDecoder, FrameType, Hello
from common.link_transport import LinkTransport
from gateway.admission import Limits
from gateway.causes import Causes
from gateway.death import Death
from gateway.lost_workers import LostWorkers
from gateway.strikes import Strikes
from gateway.worker_link import SessionStream, WorkerLink
from tests.support.aio import run
from tests.support.clock import ManualClock

EPOCH = 3
HELLO = Hello(LINK_VERSION, "1", 4711, "http://127.0.0.1:9501/metrics")
LIMITS = Limits(max_lag_ms=1_000, max_speaking=1)


class Listener:
    """Remembers what it was told; raises at what it is told to raise at."""

    id = "call"
    checkpoint = Checkpoint(100, 200, 1)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    def __init__(self, raises_at: str = "", unsettled: int = 0) -> None:
        self.told: list[str] = []
        self.strikes = Strikes()
        self.unsettled = unsettled
        self._raises_at = raises_at

    def opened(self) -> None:
        self._note("opened")

    def credit(self, samples: int) -> None:
        self._note(f"credit {samples}")

    def settled(self, checkpoint: Checkpoint) -> None:
        self._note(f"settled {checkpoint.audio_from}")

    def event(self, event: Event) -> None:
        self._note(type(event).__name__)

    @property
    def pin_epoch(self) -> int:
        return 1

    def leave(self) -> None:
        self._note("leave")

    def worker_lost(self) -> None:
        self._note("lost")

    def cause_known(self) -> None:
        self._note("cause known")

    def broken(self) -> None:
        self._note("broken")

    def _note(self, what: str) -> None:
        self.told.append(what)
        if what == self._raises_at:
            raise RuntimeError(what)


class Asked(Causes):
    """Keeps what is asked; the test knows."""

    def __init__(self) -> None:
        super().__init__()
        self.deaths: list[tuple[str, Death]] = []

    def ask(self, worker: Hello, death: Death) -> None:
        self.deaths.append((worker.name, death))


class LinkRig:
    """A link whose other end is the test. Needs a running loop."""

    def __init__(self) -> None:
        self.stale = 0
        self.causes = Asked()
        self.lost = LostWorkers(ManualClock(), self.causes)
        self.link = WorkerLink("0", "http://127.0.0.1:9400/metrics", LIMITS, self._count_stale, self.lost)
        self.transport = LinkTransport(self.link)

    def open(self, listener: Listener) -> SessionStream:
        return self.link.open(listener, SessionOptions(), EPOCH)

    def _count_stale(self) -> None:
        self.stale += 1

    def record(self) -> Callable[[], list[Frame]]:
        """What is sent from now on."""
        written: list[bytes] = []
        self.link.link_up(self.transport)
        self.transport.write = written.append  # type: ignore[method-assign, assignment]
        return lambda: list(FrameDecoder().feed(b"".join(written)))

    def hear(self, kind: FrameType, payload: object, *, stream: int = 1, epoch: int = EPOCH) -> None:
        self.link.frame(self.transport, Frame(kind, stream, epoch, 0, payload))


def with_link(check: Callable[[LinkRig], None]) -> None:
    """Run the check on a rig, in a loop of its own."""

    async def scenario() -> None:
        check(LinkRig())
        await asyncio.sleep(0)

    run(scenario())
