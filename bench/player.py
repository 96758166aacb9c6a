"""Plays audio to a server at the pace of speech and notes when what went out and what came back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from client.sources import DEFAULT_FRAME_MS, PacedFrames, split_frames
from client.stream import StreamClient, StreamError
from client.view import ErrorEvent, Lost, Message, Result, Sentence, TranscriptView
from common.audio import Samples, float_to_pcm16, ms_to_samples
from common.clock import Clock, MonotonicClock

FRAME_SAMPLES: Final = ms_to_samples(DEFAULT_FRAME_MS)


@dataclass(frozen=True, slots=True)
class Server:
    """Where to measure; the sessions ask for `silence_schedule`, or take the server's own."""

    url: str
    silence_schedule: str | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast audio goes out: `speed` 1.0 is the pace of speech."""

    speed: float = 1.0
    clock: Clock = field(default_factory=MonotonicClock)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message and when it came, in seconds of the pace's clock."""

    at_s: float
    message: Message | Lost


@dataclass(frozen=True, slots=True)
class Playback:
    """One session as its client saw it: the time each frame was sent, all that came, how it ended."""

    sent_s: tuple[float, ...]
    arrivals: tuple[Arrival, ...]
    view: TranscriptView

    @property
    def results(self) -> tuple[tuple[float, Result], ...]:
        """Each result after the second at which it came."""
        return tuple(
            (arrival.at_s, arrival.message)
            for arrival in self.arrivals
            if isinstance(arrival.message, Result)
        )

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        return self.view.sentences

    @property
    def transcript(self) -> str:
        return self.view.transcript

    @property
    def worker(self) -> str:
        return self.view.worker

    def sent_at(self, sample: int) -> float:
        """When the frame with this sample was sent; any sample behind the end counts to the last frame."""
        return self.sent_s[min(sample // FRAME_SAMPLES, len(self.sent_s) - 1)]


async def play(samples: Samples, server: Server, pace: Pace) -> Playback:
    """One session with this audio. Raises `StreamError`, alone or in a group, at any error reported."""
    # Figures of a session that was lost in between would be of something else.
    async with StreamClient(server.url, silence_schedule=server.silence_schedule, resume=False) as client:
        async with asyncio.TaskGroup() as directions:
            listening = directions.create_task(_listen(client, pace.clock), name="bench-listen")
            sending = directions.create_task(_send(client, samples, pace), name="bench-send")
        return Playback(sending.result(), listening.result(), client.view)


async def play_all(
    playlist: Sequence[Samples], server: Server, pace: Pace, *, parallel: int
) -> tuple[Playback, ...]:
    """Each item as its own session, `parallel` at once; answers in the order of the playlist."""
    room = asyncio.Semaphore(parallel)

    async def play_in_turn(samples: Samples) -> Playback:
        async with room:
            return await play(samples, server, pace)

    async with asyncio.TaskGroup() as sessions:
        tasks = [sessions.create_task(play_in_turn(samples), name="bench-session") for samples in playlist]
    return tuple(task.result() for task in tasks)


async def _send(client: StreamClient, samples: Samples, pace: Pace) -> tuple[float, ...]:
    frames = split_frames([float_to_pcm16(samples)])
    sent_s = []
    async for frame in PacedFrames(frames, pace.speed, clock=pace.clock, sleep=pace.sleep):
        sent_s.append(pace.clock.now())
        await client.send(frame)
    await client.finish()
    return tuple(sent_s)


async def _listen(client: StreamClient, clock: Clock) -> tuple[Arrival, ...]:
    arrivals = []
    async for update in client.updates():
        arrivals.append(Arrival(clock.now(), update.message))
        if isinstance(update.message, ErrorEvent):
            raise StreamError(update.message.code, update.message.message)
    return tuple(arrivals)
