"""One client process: `python -m bench.live_client`, started by `bench.live_processes`.

Its standard input brings the job, then the common start as a time of the monotonic clock, a line each. Its
standard output says `ready` once everything is loaded, then the report.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from functools import partial
from typing import Final

import msgspec
import numpy as np

from bench.live_lines import one_connection, resuming
from bench.live_material import FRAME_MS, Loop, make_loop
from bench.live_stream import ClientTimes, LiveStream
from bench.live_trace import ClientReport, Job, Lateness, StreamPlan, StreamTrace
from bench.speech import read_speech

READY: Final = b"ready\n"
_WAKE_EVERY_S: Final = 0.02


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    loop = make_loop(read_speech(), job.material)
    gc.collect()
    gc.freeze()
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    common_start = float(sys.stdin.buffer.readline())
    report = asyncio.run(play(job, loop, common_start))
    sys.stdout.buffer.write(msgspec.json.encode(report))


async def play(job: Job, loop: Loop, common_start: float) -> ClientReport:
    """All streams of the job; ends by the deadline."""
    times = ClientTimes()
    async with asyncio.TaskGroup() as streams:
        watching = streams.create_task(_watch_wakes(times), name="live-wakes")
        tasks = [
            streams.create_task(_play_one(plan, job, loop, times, common_start), name=f"live-{plan.number}")
            for plan in job.streams
        ]
        traces = await asyncio.gather(*tasks)
        watching.cancel()
    return ClientReport(tuple(traces), _lateness(times))


async def _play_one(
    plan: StreamPlan, job: Job, loop: Loop, times: ClientTimes, common_start: float
) -> StreamTrace:
    frames = round(1000 * job.seconds) // FRAME_MS
    open_line = resuming if job.resume else one_connection
    stream = LiveStream(plan, frames, partial(loop.frame, plan.offset), times, open_line)
    return await stream.run(common_start + plan.delay_s, common_start + job.deadline_s)


async def _watch_wakes(times: ClientTimes) -> None:
    while True:
        due = time.monotonic() + _WAKE_EVERY_S
        await asyncio.sleep(_WAKE_EVERY_S)
        times.woke_s.append(time.monotonic() - due)


def _lateness(times: ClientTimes) -> Lateness:
    return Lateness(
        frames=len(times.late_s),
        send_p99_ms=_p99_ms(times.late_s),
        send_max_ms=_max_ms(times.late_s),
        wake_p99_ms=_p99_ms(times.woke_s),
        wake_max_ms=_max_ms(times.woke_s),
        held_s=round(times.held_s, 3),
    )


def _p99_ms(seconds: list[float]) -> float:
    return round(1000 * float(np.quantile(seconds or [0.0], 0.99)), 1)


def _max_ms(seconds: list[float]) -> float:
    return round(1000 * max(seconds, default=0.0), 1)


if __name__ == "__main__":
    main()
