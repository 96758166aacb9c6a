"""Clients that say anything in any order get exactly the replies that the protocol promises."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from common.audio import float_to_pcm16
from tests.support.processes import Deployment, Plan
from tests.support.wire import Message, WireClient, eventually, in_loop, spoken, wire_client

pytestmark = pytest.mark.fault

CLIENTS = 16
ACTIONS = 60
WAV_HEADER = b"RIFF\x24\x00\x00\x00WAVEfmt "
SPEECH = spoken(speech_ms=700, silence_ms=300)
MESSAGES: tuple[str | bytes, ...] = (
    "START",
    "START",
    "STOP",
    "COMMIT",
    "KEEPALIVE",
    "HOTWORDS:a,b",
    "LANGUAGE:?",
    "NONSENSE",
    '{"a": 1}',
    b"\x00",
    WAV_HEADER,
    SPEECH,
    SPEECH,
    float_to_pcm16([0.0] * 5_000),
)
ALWAYS = {
    "KEEPALIVE": [],
    "HOTWORDS:a,b": ["hotwords_set"],
    "LANGUAGE:?": ["bad_language"],
    "NONSENSE": ["unknown_command"],
    '{"a": 1}': ["unsupported_message"],
}


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment(Plan(workers=2)) as deployment:
        yield deployment


@dataclass(slots=True)
class Model:
    """What the protocol promises: events and errors in order, and how many results are final."""

    in_session: bool = False
    heard: bool = False
    strayed: bool = False
    finals: int = 0
    events: list[str] = field(default_factory=list)

    def said(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.events += self._audio(message)
        elif message in ALWAYS:
            self.events += ALWAYS[message]
        elif self.in_session:
            self.events += self._command_inside(message)
        else:
            self.events += self._command_outside(message)

    def _audio(self, frame: bytes) -> list[str]:
        if not self.in_session:
            known, self.strayed = self.strayed, True
            return [] if known else ["not_started"]
        if frame == WAV_HEADER:
            return ["container_audio"]
        if len(frame) % 2:
            return ["odd_frame"]
        self.heard = True
        return []

    def _command_inside(self, command: str) -> list[str]:
        match command:
            case "START":
                return ["already_started"]
            case "COMMIT":
                self.finals += 1
                return []
            case _:
                self.in_session = False
                self.finals += self.heard
                return ["stopped"]

    def _command_outside(self, command: str) -> list[str]:
        match command:
            case "START":
                self.in_session, self.heard, self.strayed = True, False, False
                return ["started"]
            case "COMMIT":
                return ["not_started"]
            case _:
                return ["not_started", "stopped"]


@in_loop
async def test_any_messages_get_the_promised_replies(deployment: Deployment) -> None:
    await asyncio.gather(*(_talk(deployment.url, seed) for seed in range(CLIENTS)))
    await eventually(lambda: _counted(deployment) == 0, 5, "no connection and no session is counted any more")
    assert " ERROR " not in deployment.logs


async def _talk(url: str, seed: int) -> None:
    chance = random.Random(seed)
    model = Model()
    async with wire_client(url) as client:
        for message in [*chance.choices(MESSAGES, k=ACTIONS), "STOP"]:
            model.said(message)
            await client.send(message)
        stops = model.events.count("stopped")
        await _receive_stops(client, stops)
    events = [told for told in map(_told, client.messages) if told is not None]
    assert events == model.events, f"seed {seed}"
    assert sum(bool(message.get("is_final")) for message in client.messages) == model.finals, f"seed {seed}"


async def _receive_stops(client: WireClient, count: int) -> None:
    for _ in range(count):
        await client.event("stopped")


def _told(message: Message) -> str | None:
    """Name of an event, code of an error; None for a result, and for what only tells how far it got."""
    event = message.get("event")
    if event == "ack":
        return None
    return str(message["code"]) if event == "error" else event


def _counted(deployment: Deployment) -> float:
    metrics = deployment.metrics()
    return metrics.total("asr_sessions_active") + metrics.total("asr_gateway_connections")
