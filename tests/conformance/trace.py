"""A trace: one conversation on the wire, a JSON object a line, to be replayed against any server.

The first line tells the rule: {"rule": "..."}, with "needs": "scripted" if a result is that of the scripted
engine. Each line after it does one thing, on the connection that "on" names ("A" if it names none):

    {"connect": "/?session_id=one", "headers": {...}}      open it; lines without it open "A" at "/"
    {"send": "START"}                                      a text message
    {"send_bad_text": "ff"}                                a text message of these bytes, in hex
    {"send_hex": "0001"}                                   a binary message
    {"send_zeros": 70000}                                  a binary message of so many zero bytes
    {"send_zeros_in_parts": [4, 2]}                        one of 6 zero bytes, in fragments of 4 and 2
    {"send_audio": {"speech_ms": 1500, "silence_ms": 800}} frames of 100 ms
    {"expect": {...}}                                      the next message holds these fields
    {"expect_close": 1009}                                 nothing more comes, and the server closes with this

Expected objects may hold fewer fields than the message, lists are as long as given, and a text that begins
with ~ is a regular expression for the whole value. As a client may skip any result but the last one, an
`expect` passes over results that are not final and do not fit it.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import msgspec
from websockets.exceptions import ConnectionClosed

from tests.support.wire import Message, WireClient, spoken, wire_client

FOLDER: Final = Path(__file__).with_name("traces")
PATTERN: Final = "~"


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: str
    needs: str | None = None


class SpokenAudio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    speech_ms: int = 0
    silence_ms: int = 0


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of the actions, and the connection it is for."""

    on: str = "A"
    connect: str | None = None
    headers: dict[str, str] = {}
    send: str | None = None
    send_bad_text: str | None = None
    send_hex: str | None = None
    send_zeros: int | None = None
    send_zeros_in_parts: list[int] | None = None
    send_audio: SpokenAudio | None = None
    expect: dict[str, Any] | None = None
    expect_close: int | None = None


class Trace(msgspec.Struct, frozen=True):
    header: Header
    lines: tuple[Line, ...]


def read_trace(path: Path) -> Trace:
    """Raises `msgspec.ValidationError` for a line that is none."""
    first, *rest = filter(str.strip, path.read_text(encoding="utf-8").splitlines())
    lines = tuple(msgspec.json.decode(line, type=Line) for line in rest)
    return Trace(msgspec.json.decode(first, type=Header), lines)


async def replay(trace: Trace, url: str) -> None:
    """Raises AssertionError where the server at `url` departs from the trace."""
    async with AsyncExitStack() as connections:
        player = _Player(url, connections)
        for number, line in enumerate(trace.lines, start=2):
            try:
                await player.play(line)
            except (AssertionError, ConnectionClosed, TimeoutError) as error:
                told = msgspec.json.encode(line).decode()
                raise AssertionError(f"line {number}: {told}\n{type(error).__name__}: {error}") from error


class _Player:
    def __init__(self, url: str, connections: AsyncExitStack) -> None:
        self._url = url
        self._connections = connections
        self._clients: dict[str, WireClient] = {}

    async def play(self, line: Line) -> None:
        if line.connect is not None or line.on not in self._clients:
            connecting = wire_client(self._url + (line.connect or "/"), line.headers)
            self._clients[line.on] = await self._connections.enter_async_context(connecting)
        client = self._clients[line.on]
        await _send(client, line)
        if line.expect is not None:
            await _expect(client, line.expect)
        if line.expect_close is not None:
            await _expect_close(client, line.expect_close)


async def _send(client: WireClient, line: Line) -> None:
    if line.send is not None:
        await client.send(line.send)
    if line.send_bad_text is not None:
        await client.send(bytes.fromhex(line.send_bad_text), text=True)
    if line.send_hex is not None:
        await client.send(bytes.fromhex(line.send_hex))
    if line.send_zeros is not None:
        await client.send(bytes(line.send_zeros))
    if line.send_zeros_in_parts is not None:
        await client.send_parts([bytes(length) for length in line.send_zeros_in_parts])
    if line.send_audio is not None:
        audio = line.send_audio
        await client.send_audio(spoken(speech_ms=audio.speech_ms, silence_ms=audio.silence_ms))


async def _expect(client: WireClient, expected: dict[str, Any]) -> None:
    while not matches(expected, message := await client.receive()):
        assert _may_be_skipped(message), f"received {message}"


async def _expect_close(client: WireClient, code: int) -> None:
    known = len(client.messages)
    assert await client.closed() == code
    assert all(map(_may_be_skipped, client.messages[known:])), f"received {client.messages[known:]}"


def _may_be_skipped(message: Message) -> bool:
    return message.get("is_final") is False


def matches(expected: Any, found: Any) -> bool:
    match expected:
        case dict():
            return isinstance(found, dict) and all(
                name in found and matches(value, found[name]) for name, value in expected.items()
            )
        case list():
            return (
                isinstance(found, list) and len(expected) == len(found) and all(map(matches, expected, found))
            )
        case str() if expected.startswith(PATTERN):
            return isinstance(found, str) and re.fullmatch(expected[1:], found) is not None
        case _:
            return type(expected) is type(found) and bool(expected == found)
