"""What a session, its client above it and the workers below it want of each other."""

from __future__ import annotations

from typing import Protocol

from common.checkpoint import Checkpoint
from common.events import Event, SessionOptions
from gateway.session_log import Order
from gateway.strikes import Strikes


class SessionListener(Protocol):
    """A session as its worker sees it."""

    @property
    def id(self) -> str: ...

    @property
    def strikes(self) -> Strikes:
        """What it had in decode, and became of its workers."""
        ...

    @property
    def checkpoint(self) -> Checkpoint:
        """Where a worker begins."""
        ...

    @property
    def unsettled(self) -> int:
        """Samples from there on."""
        ...

    @property
    def pin_epoch(self) -> int:
        """Of two gateways that both have the session the one with the greater epoch keeps it."""
        ...

    @property
    def trace(self) -> str:
        """See `Open`."""
        ...

    def opened(self) -> None: ...

    def credit(self, samples: int) -> None: ...

    def settled(self, checkpoint: Checkpoint) -> None: ...

    def event(self, event: Event) -> None: ...

    def leave(self) -> None:
        """The worker is going to end: go elsewhere as soon as nothing is half said."""
        ...

    def worker_lost(self) -> None:
        """Its strikes know already."""
        ...

    def cause_known(self) -> None:
        """Of a death that it may have been the cause of."""
        ...

    def broken(self) -> None:
        """One of the others has raised; end this session as well as it still can be."""
        ...


class Relayed(SessionListener, Protocol):
    """A session that outlives its workers."""

    def take_up(self) -> bool:
        """There may be a worker for it: whether it waits no longer."""
        ...


class RelayListener(Protocol):
    """The live connection as its session sees it."""

    def opened(self) -> None:
        """The first worker has taken it, or it was resumed after its end."""
        ...

    def moves(self, why: str, worker: str, unsettled: int) -> None:
        """Another worker than this one has to go on: from where it has been settled, so many samples ago."""
        ...

    def flows(self) -> None:
        """`full` may be another."""
        ...

    def event(self, event: Event) -> None: ...

    def given_up(self) -> None:
        """No worker could go on with it in time, or every one would be lost."""
        ...

    def broken(self) -> None:
        """Something has raised; end this connection as well as it still can be."""
        ...


class LiveClient(Protocol):
    """A live connection as whoever looks after all of them sees it."""

    @property
    def tenant(self) -> str:
        """Whose it is; empty where nobody is asked."""
        ...

    def check_limits(self, now: float) -> None:
        """To be called a few times a second."""
        ...

    @property
    def at_rest(self) -> bool:
        """Nothing of its session is half said."""
        ...

    def come_to_rest(self) -> None:
        """What is half said is to be locked."""
        ...

    def leave(self) -> None:
        """The gateway is going to end: the client had better connect to another one."""
        ...

    def resumed_elsewhere(self) -> None:
        """Its session goes on over another connection."""
        ...

    def broken(self) -> None:
        """Something has raised; end this connection as well as it still can be."""
        ...


class SessionClient(RelayListener, LiveClient, Protocol):
    """A live connection as its sessions see it, and those who look after it."""


class Stream(Protocol):
    """A placement, towards its worker."""

    @property
    def worker(self) -> str: ...

    def audio(self, first: int, pcm: bytes) -> None: ...

    def order(self, order: Order) -> None: ...

    def configure(self, options: SessionOptions) -> None: ...

    def suspect(self, segments: tuple[int, ...]) -> None:
        """A worker may have died of these, and of no others."""
        ...

    def close(self) -> None: ...


class Pool(Protocol):
    """The workers, as a session sees them."""

    def open(self, session: Relayed, options: SessionOptions, epoch: int, avoid: str | None) -> Stream:
        """With the worker `avoid` only if there is no other. Raises `NoWorker`, and `Overloaded` for a
        session that has just begun."""
        ...

    def wait(self, session: Relayed) -> None:
        """It is told to take up a worker as soon as there may be one."""
        ...

    def forget(self, session: Relayed) -> None: ...
