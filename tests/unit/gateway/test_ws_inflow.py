"""Pieces, turns and waits, over a real server: whatever one client sends, others get their turn."""

from __future__ import annotations

import asyncio

from websockets.frames import Frame, Opcode

from gateway.connection import DEFAULT_LIMITS, Connection, Limits
from gateway.ws_inflow import Inflow
from gateway.ws_turns import Turns
from tests.support.websocket_rig import Recorder, let_loop_turn, on_each_loop, raw_client, serving, text_frame

# Their bytes are read at once.
MANY = 5_000
# Nothing is left after the first turn, and each further one has to be waited for.
STINGY = Limits(loop_share=0.5, loop_burst_s=0.0)
UNFAIR = Limits(loop_share=1e9)


def flood(count: int = MANY) -> list[Frame]:
    return [text_frame(str(number)) for number in range(count)]


@on_each_loop
async def test_all_of_a_flood_arrives_in_order() -> None:
    handler = Recorder()
    async with serving(handler, STINGY) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(*flood(2_000))
        await handler.until("text", 2_000)
        assert handler.told("text") == [str(number) for number in range(2_000)]


@on_each_loop
async def test_while_one_client_floods_others_get_their_turn() -> None:
    flooding, calm = Recorder(), Recorder()
    async with (
        serving(flooding, UNFAIR) as noisy_port,
        serving(calm, UNFAIR) as quiet_port,
        raw_client(noisy_port) as noisy,
        raw_client(quiet_port) as quiet,
    ):
        await noisy.upgrade()
        await quiet.upgrade()
        sending = asyncio.ensure_future(noisy.send(*flood()))
        await flooding.until("text")
        await quiet.send(text_frame("me, too"))
        await calm.until("text")
        got_by_then = len(flooding.told("text"))
        await flooding.until("text", MANY)
        await sending
    assert got_by_then < MANY


@on_each_loop
async def test_it_is_said_for_how_long_a_connection_waits() -> None:
    waits: list[float] = []
    handler = Recorder()
    async with serving(handler, STINGY, waits.append) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(*flood(100))
        await handler.until("text", 100)
    assert waits
    assert min(waits) > 0


@on_each_loop
async def test_a_connection_that_is_lost_takes_what_waits_with_it() -> None:
    handler = Recorder(_abort_at_once)
    async with serving(handler, STINGY) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(*flood(2_000))
        assert await handler.until("closed") == 1006
        got = len(handler.told("text"))
        await let_loop_turn()
        assert len(handler.told("text")) == got


@on_each_loop
async def test_a_pause_outlasts_what_still_waits() -> None:
    handler = Recorder(_pause)
    async with serving(handler, STINGY) as port, raw_client(port) as client:
        await client.upgrade()
        await client.send(*[text_frame("x" * 3_000)] * 3)
        await handler.until("text", 3)
        await client.send(Frame(Opcode.PING, b"now"))
        reading = asyncio.ensure_future(client.read())
        await let_loop_turn()
        assert not reading.done(), "the socket was read although the handler had paused"
        handler.connection.resume_reading()
        assert await reading == (Opcode.PONG, b"now")


@on_each_loop
async def test_who_is_new_waits_for_a_turn() -> None:
    rig = InflowRig(DEFAULT_LIMITS)
    rig.inflow.received(b"new")
    assert (rig.taken, rig.transport.is_read) == ([], False)
    await let_loop_turn()
    assert (rig.taken, rig.transport.is_read) == ([b"new"], True)


@on_each_loop
async def test_who_took_little_is_served_at_once_but_only_a_piece() -> None:
    rig = InflowRig(UNFAIR)
    await asyncio.sleep(0.001)
    rig.inflow.received(b"little")
    rig.inflow.received(b"x" * 6_000)
    assert [len(piece) for piece in rig.taken] == [6, 4_096]
    assert not rig.transport.is_read
    await let_loop_turn()
    assert b"".join(rig.taken) == b"little" + b"x" * 6_000
    assert rig.transport.is_read


@on_each_loop
async def test_of_a_lost_connection_nothing_is_taken_in_its_turn() -> None:
    rig = InflowRig(DEFAULT_LIMITS)
    rig.inflow.received(b"new")
    rig.inflow.end()
    await let_loop_turn()
    assert rig.taken == []


class Socket(asyncio.Transport):
    """Of a transport only whether it is read."""

    is_read = True

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True


class InflowRig:
    def __init__(self, limits: Limits) -> None:
        self.transport = Socket()
        self.taken: list[bytes] = []
        self.inflow = Inflow(self.transport, self.taken.append, limits, Turns(), lambda _: None)


def _abort_at_once(connection: Connection, message: str) -> None:
    connection.abort()


def _pause(connection: Connection, message: str) -> None:
    connection.pause_reading()
