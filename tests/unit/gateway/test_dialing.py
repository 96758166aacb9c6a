from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest

from common.link import Frame
from common.link_auth import Handshake, Refusal, Role
from common.link_guard import LinkGuard
from common.link_transport import LinkTransport
from gateway.dialing import over_socket, over_tcp
from tests.support.aio import run, until
from tests.support.directories import BOB


class Owner:
    def __init__(self) -> None:
        self.up: list[LinkTransport] = []
        self.lost = 0

    def link_up(self, link: LinkTransport) -> None:
        self.up.append(link)

    def frame(self, link: LinkTransport, frame: Frame) -> None:
        raise AssertionError("nobody has said anything")

    def link_lost(self, link: LinkTransport) -> None:
        self.lost += 1


@asynccontextmanager
async def worker(owner: Owner, key: bytes) -> AsyncIterator[int]:
    """The port of a worker with this key."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: LinkGuard(Handshake(Role.WORKER, key), partial(LinkTransport, owner), lambda _: None),
        "127.0.0.1",
        0,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def test_over_tcp_it_returns_when_the_link_is_up() -> None:
    async def scenario() -> None:
        here, there = Owner(), Owner()
        refusals: list[Refusal] = []
        async with worker(there, BOB.key) as port:
            dial = over_tcp(msgspec.structs.replace(BOB, link_port=port), refusals.append)
            await dial(lambda: LinkTransport(here))
            assert len(here.up) == 1
            here.up[0].abort()
            await until(lambda: here.lost == there.lost == 1)
        assert refusals == []

    run(scenario())


def test_who_does_not_know_the_key_is_no_worker() -> None:
    async def scenario() -> None:
        here, there = Owner(), Owner()
        refusals: list[Refusal] = []
        async with worker(there, b"another key") as port:
            dial = over_tcp(msgspec.structs.replace(BOB, link_port=port), refusals.append)
            with pytest.raises(OSError, match=r"wrong_key|closed"):
                await dial(lambda: LinkTransport(here))
        assert len(refusals) == 1
        assert here.up == there.up == []

    run(scenario())


def test_a_port_that_nobody_listens_on_is_no_refusal() -> None:
    async def scenario() -> None:
        refusals: list[Refusal] = []
        async with worker(Owner(), BOB.key) as port:
            pass
        dial = over_tcp(msgspec.structs.replace(BOB, link_port=port), refusals.append)
        with pytest.raises(OSError):
            await dial(lambda: LinkTransport(Owner()))
        assert refusals == []

    run(scenario())


@pytest.mark.parametrize("host", ["host..example", "h" * 64])
def test_a_name_that_no_host_can_have_is_nobody(host: str) -> None:
    async def scenario() -> None:
        with pytest.raises(OSError):
            await over_tcp(msgspec.structs.replace(BOB, link_host=host), lambda _: None)(
                lambda: LinkTransport(Owner())
            )

    run(scenario())


def test_a_dial_that_is_given_up_leaves_no_connection() -> None:
    async def scenario() -> None:
        came, gone = asyncio.Event(), asyncio.Event()

        class Mute(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                came.set()

            def connection_lost(self, exc: Exception | None) -> None:
                gone.set()

        server = await asyncio.get_running_loop().create_server(Mute, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        dial = over_tcp(msgspec.structs.replace(BOB, link_port=port), lambda _: None)
        dialling = asyncio.create_task(dial(lambda: LinkTransport(Owner())))
        await came.wait()
        dialling.cancel()
        await gone.wait()
        server.close()

    run(scenario())


def test_over_a_socket_nobody_has_to_prove_anything(tmp_path: Path) -> None:
    async def scenario() -> None:
        here, there = Owner(), Owner()
        path = tmp_path / "worker-0.sock"
        with pytest.raises(OSError):
            await over_socket(path)(lambda: LinkTransport(here))
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: LinkTransport(there), str(path))
        await over_socket(path)(lambda: LinkTransport(here))
        await until(lambda: len(here.up) == len(there.up) == 1)
        server.close()
        here.up[0].abort()
        await until(lambda: there.lost == 1)

    run(scenario())
