"""Sessions in which nobody speaks live behind nginx as long as their client says that it is there."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from common.audio import float_to_pcm16
from tests.chaos.conftest import Show
from tests.chaos.figures import Table
from tests.chaos.size import FRONTS
from tests.support.certificate import make_certificate
from tests.support.nginx import Nginx, front_of
from tests.support.processes import Deployment, Plan
from tests.support.speech import silence
from tests.support.wire import WireClient, spoken, wire_client

_FRAME_S: Final = 0.1
_SILENCE: Final = float_to_pcm16(silence(_FRAME_S))
_IDLE_CLOSE: Final = 4408
_SLACK_S: Final = 60.0
pytestmark = [pytest.mark.fault, pytest.mark.timeout(FRONTS.quiet_s + 2 * _SLACK_S)]


@dataclass(frozen=True, slots=True)
class Front:
    url: str
    trusted: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long a session lived, and how it ended: with the number of its sentences, or with a close code."""

    seconds: float
    sentences: int = 0
    close_code: int = 0


Client = Callable[[WireClient], Awaitable[None]]


async def sends_silence(client: WireClient) -> None:
    await _every(_FRAME_S, lambda: client.send(_SILENCE))


async def sends_keepalive(client: WireClient) -> None:
    await _every(FRONTS.idle_s / 2, lambda: client.send("KEEPALIVE"))


async def _every(seconds: float, send: Callable[[], Awaitable[None]]) -> None:
    began, sent = time.monotonic(), 0
    while time.monotonic() < began + FRONTS.quiet_s:
        await send()
        sent += 1
        await asyncio.sleep(began + sent * seconds - time.monotonic())


async def speaks_after(front: Front, quiet: Client) -> Outcome:
    async with wire_client(front.url, tls=front.trusted) as client:
        began = time.monotonic()
        await client.start()
        await quiet(client)
        await client.send_audio(spoken(speech_ms=1_000, silence_ms=0))
        final = await client.stop()
        return Outcome(time.monotonic() - began, sentences=len(final["sentences"]))


async def says_nothing(front: Front) -> Outcome:
    async with wire_client(front.url, tls=front.trusted) as client:
        began = time.monotonic()
        await client.start()
        # A message takes as long to come as the limit is.
        while (await client.receive(FRONTS.idle_s + _SLACK_S)).get("event") != "error":
            pass
        code = await client.closed()
        return Outcome(time.monotonic() - began, close_code=code)


async def outcomes(front: Front) -> tuple[Outcome, Outcome, Outcome]:
    return await asyncio.gather(
        speaks_after(front, sends_silence), speaks_after(front, sends_keepalive), says_nothing(front)
    )


async def all_outcomes(fronts: Iterable[Front]) -> list[tuple[Outcome, Outcome, Outcome]]:
    return await asyncio.gather(*map(outcomes, fronts))


def test_silence_lives_and_nothing_at_all_is_ended(tmp_path: Path, show: Show) -> None:
    certificate = make_certificate(tmp_path)
    plan = Plan(gateways=2, flags=("--proxied", "--idle-timeout", str(FRONTS.idle_s)))
    with Deployment(plan) as deployment:
        plain, over_tls = front_of(deployment.behind), front_of(deployment.behind)
        over_tls = replace(over_tls, entry=replace(over_tls.entry, tls=certificate.tls))
        fronts = {
            "plain": Front(f"ws://127.0.0.1:{plain.entry.port}", None),
            "TLS": Front(f"wss://127.0.0.1:{over_tls.entry.port}", certificate.trusting()),
        }
        with Nginx(plain), Nginx(over_tls):
            found = asyncio.run(all_outcomes(fronts.values()))
    show([row for name, each in zip(fronts, found, strict=True) for row in _rows(name, *each)])
    for silent, kept, mute in found:
        assert min(silent.seconds, kept.seconds) >= FRONTS.quiet_s
        assert silent.sentences == kept.sentences == 1
        assert mute.close_code == _IDLE_CLOSE
        assert FRONTS.idle_s <= mute.seconds < FRONTS.idle_s + 2


def _rows(name: str, silent: Outcome, kept: Outcome, mute: Outcome) -> Table:
    return [
        (f"only silence, {name}", f"{silent.seconds:.1f} s, then {silent.sentences} sentence"),
        (f"only KEEPALIVE, {name}", f"{kept.seconds:.1f} s, then {kept.sentences} sentence"),
        (f"nothing, {name}", f"{mute.seconds:.1f} s, then close {mute.close_code}"),
    ]
