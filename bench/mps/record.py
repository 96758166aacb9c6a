"""What is written down of each stage."""

from __future__ import annotations

import msgspec


class Round(msgspec.Struct, frozen=True):
    """One start of the daemon, a canary under it, and its end, in seconds. left: processes after it.

    kind: `canary`; `limits`: one that is held to a share of the card; `killed`: whoever started the daemon is
          killed, which must take the daemon along.
    """

    kind: str
    start_s: float = 0.0
    canary_s: float = 0.0
    stop_s: float = 0.0
    attached: bool = False
    multiprocessors: int = 0
    refused: bool | None = None
    left: tuple[str, ...] = ()
    failure: str | None = None

    @property
    def is_good(self) -> bool:
        alone = self.kind == "killed"
        return (
            self.failure is None and not self.left and (self.attached or alone) and self.refused is not False
        )


class Start(msgspec.Struct, frozen=True):
    """One `voxshard serve` from its start to its end, seconds from its start.

    ready_s:  when each worker was ready, in this order. all_s: everything was.
    attached: workers that say they run under MPS; clients: processes that the daemon says are its clients.
    of_workers: those of them that belong to a worker.
    left:     processes after its end.
    """

    workers: int
    ready_s: tuple[float, ...] = ()
    all_s: float | None = None
    attached: int = 0
    clients: int = 0
    of_workers: int = 0
    server: str = ""
    memory_mib: int | None = None
    stop_s: float | None = None
    left: tuple[str, ...] = ()
    failure: str | None = None

    @property
    def is_good(self) -> bool:
        everybody = self.attached == self.workers == len(self.ready_s)
        return (
            everybody
            and self.of_workers == self.clients >= self.workers
            and not self.left
            and not self.failure
        )


class WorkerEnd(msgspec.Struct, frozen=True):
    """What became of one worker, seconds from the injection; None: that has not happened."""

    name: str
    ended_s: float | None
    how: str
    ready_s: float | None


class Sessions(msgspec.Struct, frozen=True):
    """Of the live streams over the fault. `unheard_s`: speech that no sentence of its stream covers, at most.

    gap_s: longest time between two results of a stream, seconds.
    """

    streams: int
    lost: int
    errors: dict[str, int]
    changed: int
    skipped: int
    sentences: int
    speech_s: float
    unheard_s: float
    gap_s: float
    moved: int
    waited: int
    replayed_s: float

    @property
    def is_good(self) -> bool:
        return self.streams > 0 and not (self.lost or self.changed or self.skipped or self.errors)


class Fault(msgspec.Struct, frozen=True):
    """A device-side assert in one worker under live streams. Events, states of the server: seconds from it.

    healthy: what the card says of itself afterwards; canary: one without MPS, then.
    """

    workers: int
    injected_into: str
    events: tuple[tuple[float, str], ...] = ()
    states: tuple[tuple[float, str], ...] = ()
    ends: tuple[WorkerEnd, ...] = ()
    first_ready_s: float | None = None
    sessions: Sessions | None = None
    healthy: dict[str, str] = {}
    canary_error: float | None = None
    left: tuple[str, ...] = ()
    failure: str | None = None
