"""A `StreamClient` whose messages and sentences are written down; it resumes by itself."""

from __future__ import annotations

import asyncio
import time

from client.stream import StreamClient, StreamError
from tests.chaos.history import History
from tests.chaos.recorder import Notes
from tests.chaos.script import FRAME_MS, Script


async def stream(url: str, script: Script) -> History:
    """One session from START to its end, in real time."""
    notes, failure = Notes(asked_at=time.monotonic()), ""
    client = StreamClient(url)
    try:
        async with client, asyncio.TaskGroup() as both:
            both.create_task(_hear(client, notes), name=f"hear-{script.number}")
            both.create_task(_speak(client, script, notes), name=f"speak-{script.number}")
    except* StreamError as failures:
        failure = "; ".join(map(str, failures.exceptions))
    texts = tuple(sentence.text for sentence in client.view.sentences)
    return History(
        script, notes.sent_at, tuple(notes.received), None, notes.asked_at, transcript=texts, failure=failure
    )


async def _hear(client: StreamClient, notes: Notes) -> None:
    async for update in client.updates():
        notes.take(update.text.encode())


async def _speak(client: StreamClient, script: Script, notes: Notes) -> None:
    """A client that was held up sends what it has at once, as a microphone's buffer would."""
    began = time.monotonic()
    for number, (frame, commits) in enumerate(script.frames(), start=1):
        await asyncio.sleep(began + number * FRAME_MS / 1000 - time.monotonic())
        await client.send(frame)
        notes.sent_at.append(time.monotonic())
        if commits:
            await client.commit()
    await client.finish()
