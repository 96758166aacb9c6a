"""What a run with real speech, keys and a lost worker leaves in the logs: sessions, and no words."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.processes import MOONSHINE, Deployment, Plan
from tests.support.redis_server import PASSWORD, RedisServer
from tests.support.tenants import Tenants
from tests.support.wire import SENTENCE, Session, eventually, in_loop, spoken, wire_client

pytestmark = pytest.mark.timeout(120)

HOTWORD: Final = "zanzibar"
ON_EVERY_LINE: Final = {"time", "level", "logger", "process", "pid", "message"}


@in_loop
async def test_as_json_the_logs_of_a_run_tell_sessions_and_no_words(
    tmp_path: Path, redis: RedisServer
) -> None:
    tenants = Tenants(tmp_path)
    flags = ("--log-format", "json", "--log-level", "debug", "--tenants-file", str(tenants.path))
    plan = Plan(MOONSHINE, workers=2, flags=flags, environ={"VOXSHARD_REDIS_URL": redis.url})
    with Deployment(plan) as deployment:
        session = await _disturbed_session(deployment, tenants.keys["acme"])
    events = [json.loads(line) for line in deployment.logs.splitlines()]
    assert all(event.keys() >= ON_EVERY_LINE for event in events)
    processes = {event["process"] for event in events}
    assert processes == {"supervisor", "gateway-0", "worker-0", "worker-1"}
    started = {event["child_pid"] for event in events if event["message"] == "child started"}
    assert {event["pid"] for event in events if event["process"] != "supervisor"} <= started

    assert _named(events, "session begins")["tenant"] == "acme"
    assert _named(events, "session moves")["from_worker"] == _named(events, "worker lost")["worker"]
    for message in ("session begins", "session moves", "session ends"):
        assert _named(events, message)["session"] == session.id

    words = [word.strip(".").lower() for text in (SENTENCE, *session.texts) for word in text.split()]
    said = [word for word in words if len(word) > 4]
    assert "kitchen" in said
    forbidden = [*said, HOTWORD, PASSWORD, *tenants.secrets]
    assert not [word for word in forbidden if word in deployment.logs.lower()]


async def _disturbed_session(deployment: Deployment, key: str) -> Session:
    """One whose worker is killed while it speaks."""
    async with wire_client(deployment.url, {"Authorization": f"Bearer {key}"}) as client:
        await client.send(f"HOTWORDS:{HOTWORD}")
        started = await client.start()
        pcm = spoken(speech_ms=3_000, silence_ms=1_500)
        await client.send_audio(pcm)
        await asyncio.to_thread(deployment.kill, f"worker-{started['worker'].rpartition(':')[2]}")
        await client.event("moved")
        await client.send_audio(pcm)
        await client.stop()
        await eventually(lambda: "session ends" in deployment.logs, 10, "the end is in the log")
        return Session([message for message in client.messages if message.get("event") != "hotwords_set"])


def _named(events: list[dict[str, Any]], message: str) -> dict[str, Any]:
    """The first of these; at the end links are lost again."""
    return next(event for event in events if event["message"] == message)
