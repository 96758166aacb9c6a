"""The guard between real sockets: what comes through, and what it says of those that do not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from common.events import Stopped
from common.link import Frame, FrameType
from common.link_auth import KEY_BYTES, Handshake, Refusal, Role
from common.link_guard import LinkGuard
from common.link_transport import LinkTransport
from tests.support.aio import run, until

KEY = b"k" * KEY_BYTES


@dataclass
class Owner:
    """What a link tells; it speaks at once, as workers do."""

    frames: list[object] = field(default_factory=list)
    up: int = 0
    lost: int = 0
    decided: list[Refusal | None] = field(default_factory=list)

    def link_up(self, link: LinkTransport) -> None:
        self.up += 1
        link.send(FrameType.STOPPED, Stopped(self.up))

    def frame(self, link: LinkTransport, frame: Frame) -> None:
        self.frames.append(frame.payload)

    def link_lost(self, link: LinkTransport) -> None:
        self.lost += 1


def guard(role: Role, owner: Owner, key: bytes = KEY, within_s: float = 5.0) -> LinkGuard:
    return LinkGuard(Handshake(role, key), partial(LinkTransport, owner), owner.decided.append, within_s)


@asynccontextmanager
async def listening(make: Callable[[], asyncio.Protocol]) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def connect(make: Callable[[], asyncio.Protocol], port: int) -> asyncio.Transport:
    transport, _ = await asyncio.get_running_loop().create_connection(make, "127.0.0.1", port)
    return transport


def test_both_links_come_up_and_hear_what_was_said_at_once() -> None:
    async def scenario() -> None:
        here, there = Owner(), Owner()
        async with listening(lambda: guard(Role.WORKER, there)) as port:
            transport = await connect(lambda: guard(Role.GATEWAY, here), port)
            await until(lambda: bool(here.frames and there.frames))
            assert (here.frames, there.frames) == ([Stopped(1)], [Stopped(1)])
            assert (here.decided, there.decided) == ([None], [None])
            transport.abort()
            await until(lambda: here.lost == there.lost == 1)
            assert (here.decided, there.decided) == ([None], [None])

    run(scenario())


def test_another_key_is_cut_before_any_frame() -> None:
    async def scenario() -> None:
        here, there = Owner(), Owner()
        async with listening(lambda: guard(Role.WORKER, there)) as port:
            await connect(lambda: guard(Role.GATEWAY, here, key=b"x" * KEY_BYTES), port)
            await until(lambda: bool(here.decided and there.decided))
        assert Refusal.WRONG_KEY in (here.decided[0], there.decided[0])
        assert None not in (*here.decided, *there.decided)
        assert (here.up, there.up, len(here.decided), len(there.decided)) == (0, 0, 1, 1)

    run(scenario())


async def _refusal_of(data: bytes, end: bool = False, within_s: float = 5.0) -> Refusal | None:
    """What becomes of a client that says this."""
    owner = Owner()
    async with listening(lambda: guard(Role.WORKER, owner, within_s=within_s)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        if end:
            writer.close()
        await until(lambda: bool(owner.decided))
        writer.close()
    [refusal] = owner.decided
    assert owner.up == owner.lost == 0
    return refusal


def test_who_is_silent_is_cut() -> None:
    assert run(_refusal_of(b"", within_s=0.05)) is Refusal.SILENT


def test_who_speaks_another_protocol_is_cut_at_once() -> None:
    assert run(_refusal_of(b"GET / HTTP/1.1\r\n\r\n")) is Refusal.NO_LINK


def test_who_goes_away_is_forgotten() -> None:
    assert run(_refusal_of(b"vox", end=True)) is Refusal.CLOSED


def test_what_comes_after_the_end_is_not_looked_at() -> None:
    async def scenario() -> None:
        owner = Owner()
        late = guard(Role.WORKER, owner)
        late.connection_lost(None)
        late.data_received(b"GET")
        assert owner.decided == [Refusal.CLOSED]

    run(scenario())


def test_a_system_that_cannot_be_told_of_lost_peers_has_links_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT")
    test_both_links_come_up_and_hear_what_was_said_at_once()


def test_a_peer_that_does_not_acknowledge_is_lost_before_long() -> None:
    async def scenario() -> int:
        owner = Owner()
        async with listening(lambda: guard(Role.WORKER, Owner())) as port:
            transport = await connect(lambda: guard(Role.GATEWAY, owner), port)
            timeout: int = transport.get_extra_info("socket").getsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT
            )
            transport.abort()
            return timeout

    assert run(scenario()) == 10_000
