from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from common.events import Stopped
from common.link import Frame, FrameType, LinkError, encode, encode_audio
from common.link_transport import LinkTransport
from tests.support.aio import run, turns, until


@dataclass(slots=True)
class Owner:
    """Remembers what one end of a link tells it."""

    on_frame: Callable[[LinkTransport, Frame], None] = lambda link, frame: None
    up: list[LinkTransport] = field(default_factory=list)
    frames: list[Any] = field(default_factory=list)
    lost: int = 0

    def link_up(self, link: LinkTransport) -> None:
        self.up.append(link)

    def frame(self, link: LinkTransport, frame: Frame) -> None:
        self.frames.append(frame.payload)
        self.on_frame(link, frame)

    def link_lost(self, link: LinkTransport) -> None:
        self.lost += 1


class SpyTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.aborted = 0
        self.closed = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def abort(self) -> None:
        self.aborted += 1

    def close(self) -> None:
        self.closed += 1


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[LinkTransport, Owner, LinkTransport, Owner]]:
    """Two ends, joined by a real socket."""
    loop = asyncio.get_running_loop()
    owners = (Owner(), Owner())
    ends = []
    for owner, end in zip(owners, socket.socketpair(), strict=True):
        _, link = await loop.create_connection(partial(LinkTransport, owner), sock=end)
        ends.append(link)
    try:
        yield ends[0], owners[0], ends[1], owners[1]
    finally:
        for link in ends:
            link.abort()
        await until(lambda: all(owner.lost for owner in owners))


def connected(owner: Owner) -> tuple[LinkTransport, SpyTransport]:
    link, transport = LinkTransport(owner), SpyTransport()
    link.connection_made(transport)
    return link, transport


def test_of_a_peer_that_has_ended_all_is_heard_before_the_link_is_lost() -> None:
    """Although its socket may stay open for a while."""

    async def scenario() -> None:
        async with pair() as (near, near_owner, far, _):
            far.write(encode_audio(1, 1, 0, b"last words"))
            await turns(1)
            near.peer_ended()
            assert near_owner.lost == 0
            await until(lambda: near_owner.lost > 0)
            assert near_owner.frames == [b"last words"]
            near.peer_ended()
            await turns()
            assert near_owner.lost < 2

    run(scenario())


def test_what_one_turn_of_the_loop_writes_leaves_in_one_call() -> None:
    async def scenario() -> list[bytes]:
        link, transport = connected(Owner())
        link.send(FrameType.STOPPED, Stopped(1), stream=2, epoch=3)
        link.write(encode_audio(2, 3, 0, b"ab"))
        await turns(2)
        link.write(b"later")
        await turns(2)
        return transport.writes

    first = encode(FrameType.STOPPED, Stopped(1), stream=2, epoch=3) + encode_audio(2, 3, 0, b"ab")
    assert run(scenario()) == [first, b"later"]


def test_both_ends_hear_each_other_and_of_the_end() -> None:
    async def scenario() -> None:
        async with pair() as (here, my_owner, there, your_owner):
            assert my_owner.up == [here] and your_owner.up == [there]
            here.send(FrameType.STOPPED, Stopped(1))
            there.write(encode_audio(1, 1, 0, b"ab"))
            await until(lambda: bool(my_owner.frames and your_owner.frames))
            assert (my_owner.frames, your_owner.frames) == ([b"ab"], [Stopped(1)])
            here.close()
            await until(lambda: my_owner.lost == your_owner.lost == 1)
        assert my_owner.lost == your_owner.lost == 1

    run(scenario())


def test_close_sends_what_is_queued_first() -> None:
    async def scenario() -> None:
        async with pair() as (here, _, _, your_owner):
            here.write(encode_audio(1, 1, 0, b"last words"))
            here.close()
            await until(lambda: your_owner.lost == 1)
            assert your_owner.frames == [b"last words"]

    run(scenario())


def test_close_with_nothing_queued_writes_nothing() -> None:
    async def scenario() -> SpyTransport:
        link, transport = connected(Owner())
        link.close()
        return transport

    transport = run(scenario())
    assert (transport.writes, transport.closed) == ([], 1)


def test_bytes_that_are_no_frames_cut_the_link_and_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> SpyTransport:
        link, transport = connected(Owner())
        link.data_received(b"\xff" * 16)
        return transport

    with caplog.at_level(logging.ERROR):
        assert run(scenario()).aborted == 1
    assert "frame of 4294967295 bytes" in vars(caplog.records[0])["cause"]


def test_an_owner_that_rejects_a_frame_cuts_the_link() -> None:
    def refuse(link: LinkTransport, frame: Frame) -> None:
        raise LinkError("speaks another version")

    async def scenario() -> tuple[Owner, SpyTransport]:
        owner = Owner(on_frame=refuse)
        link, transport = connected(owner)
        link.data_received(encode_audio(1, 1, 0, b"ab") * 2)
        return owner, transport

    owner, transport = run(scenario())
    assert (owner.frames, transport.aborted) == ([b"ab"], 1)


def test_nothing_happens_once_the_link_is_lost() -> None:
    async def scenario() -> tuple[Owner, SpyTransport]:
        owner = Owner()
        link, transport = connected(owner)
        link.write(b"too late")
        link.connection_lost(None)
        link.write(b"even later")
        link.abort()
        link.close()
        await turns(2)
        return owner, transport

    owner, transport = run(scenario())
    assert owner.lost == 1
    assert (transport.writes, transport.aborted, transport.closed) == ([], 0, 0)
