"""One paced stream against a START/STOP server, ours or FunASR's, and what its client saw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from websockets.exceptions import ConnectionClosed, WebSocketException

from bench.live_lines import Line, OpenLine, Said, SaidSentence, StreamBroken, one_connection
from bench.live_material import FRAME_MS
from bench.live_trace import Ending, Locked, Partial, StreamPlan, StreamTrace

_FRAME_S: Final = FRAME_MS / 1000
NO_FINAL: Final = "no_final"
"""The deadline came after STOP and before the last final."""
OUT_OF_TIME: Final = "out_of_time"
"""The deadline came before STOP could be sent: the server read slower than the audio was spoken."""


@dataclass(slots=True)
class ClientTimes:
    """Of all streams of a process, seconds.

    late_s:  how late each frame was by the client's own fault.
    woke_s:  how late the process's loop woke up each time it was looked at.
    held_s:  the longest wait of a frame for the server to read.
    """

    late_s: list[float] = field(default_factory=list)
    woke_s: list[float] = field(default_factory=list)
    held_s: float = 0.0


@dataclass(slots=True)
class Heard:
    """Folds the server's messages into the parts of a trace."""

    sentences: tuple[SaidSentence, ...] = ()
    partials: list[Partial] = field(default_factory=list)
    locked: list[Locked] = field(default_factory=list)
    worker: str = ""
    changed: int = 0
    skipped: int = 0
    final_s: float | None = None
    resumed_s: list[float] = field(default_factory=list)
    _seq: int = 0
    _listed: int = 0
    _lost_s: float = 0.0

    def fold(self, said: Said, at_s: float) -> None:
        if said.event == "lost":
            # The next connection numbers anew, and may not know yet what the former one said last.
            self._lost_s, self._seq, self._listed = at_s, 0, 0
        if said.event == "resumed":
            self.resumed_s.append(round(at_s - self._lost_s, 4))
        if said.seq is not None:
            self.skipped += max(0, said.seq - self._seq - 1)
            self._seq = said.seq
        self.worker = said.worker or self.worker
        if said.event is None:
            self._fold_result(said, at_s)

    def _fold_result(self, said: Said, at_s: float) -> None:
        told, known = said.sentences, len(self.sentences)
        self.changed += len(told) < self._listed or told[:known] != self.sentences[: len(told)]
        self._listed = len(told)
        new = told[known:]
        self.sentences = told if len(told) >= known else self.sentences
        self.locked += [_locked(sentence, at_s) for sentence in new]
        if said.is_final:
            self.final_s = at_s
        elif said.partial or new:
            self.partials.append(Partial(round(at_s, 4), said.duration_ms / 1000, bool(said.partial)))


class LiveStream:
    """`run` plays `frames` frames of 100 ms; `frame(n)` gives each, `times` takes the client's lateness."""

    def __init__(
        self,
        plan: StreamPlan,
        frames: int,
        frame: Callable[[int], bytes],
        times: ClientTimes,
        open_line: OpenLine = one_connection,
    ) -> None:
        self._open_line = open_line
        self._plan = plan
        self._frames = frames
        self._frame = frame
        self._times = times
        self._heard = Heard()
        self._began = 0.0
        self._opened_s: float | None = None
        self._stopping = False
        self._ended_s = 0.0

    async def run(self, begin_at: float, deadline: float) -> StreamTrace:
        """Both are times of the monotonic clock. Never raises for what the server does: the trace says it."""
        await asyncio.sleep(begin_at - time.monotonic())
        self._began = time.monotonic()
        error: str | None = None
        try:
            async with asyncio.timeout(deadline - time.monotonic()) as limit:
                await self._session()
        except StreamBroken as broken:
            error = str(broken)
        except ConnectionClosed as closed:
            error = f"closed_{closed.rcvd.code if closed.rcvd else 1006}"
        except (OSError, WebSocketException):
            # A handshake that takes too long is an OSError, too.
            error = self._overdue() if limit.expired() else "no_connection"
        return self._trace(error)

    def _overdue(self) -> str:
        return NO_FINAL if self._stopping else OUT_OF_TIME

    async def _session(self) -> None:
        async with self._open_line(self._plan.url) as line:
            await self._listen(line, until="started")
            self._opened_s = self._now()
            self._began = time.monotonic()
            await self._talk(line)

    async def _talk(self, line: Line) -> None:
        """Send and listen at once; whichever fails ends the other."""
        listening = asyncio.create_task(self._listen(line, until="stopped"), name="live-listen")
        sending = asyncio.create_task(self._send(line), name="live-send")
        both = (listening, sending)
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_EXCEPTION)
            # What was heard explains best why nothing could be sent any more.
            for task in both:
                if task in done:
                    task.result()
        finally:
            self._ended_s = self._now()
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _send(self, line: Line) -> None:
        """Each frame when its last sample has been spoken; nothing drifts."""
        free_at = 0.0
        for number in range(self._frames):
            audio = self._frame(number)
            due = self._began + (number + 1) * _FRAME_S
            await asyncio.sleep(due - time.monotonic())
            now = time.monotonic()
            self._times.late_s.append(now - max(due, free_at))
            await line.send(audio)
            free_at = time.monotonic()
            self._times.held_s = max(self._times.held_s, free_at - now)
        self._stopping = True
        await line.stop()

    async def _listen(self, line: Line, *, until: str) -> None:
        while True:
            said = await line.hear()
            self._heard.fold(said, self._now())
            if said.event == "error":
                raise StreamBroken(said.code)
            if said.event == "stopped" and not self._stopping:
                raise StreamBroken("stopped_early")
            if said.event == until:
                return

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _trace(self, error: str | None) -> StreamTrace:
        heard = self._heard
        return StreamTrace(
            self._plan,
            heard.worker,
            tuple(heard.partials),
            tuple(heard.locked),
            self._ending(error),
            heard.changed,
            heard.skipped,
            self._opened_s,
            tuple(heard.resumed_s),
        )

    def _ending(self, error: str | None) -> Ending:
        # When STOP was due: a server that reads too slowly to get it in time does not win time by that.
        due_s = self._frames * _FRAME_S
        stop_s = due_s if self._ended_s >= due_s else None
        # A server that found nothing to say after STOP has said so with `stopped`.
        final_s = self._ended_s if error is None and self._heard.final_s is None else self._heard.final_s
        return Ending(self._ended_s, stop_s, final_s, error, waiting=error in (NO_FINAL, OUT_OF_TIME))


def _locked(sentence: SaidSentence, at_s: float) -> Locked:
    return Locked(
        at_s=at_s,
        start_s=sentence.start / 1000,
        end_s=sentence.end / 1000,
        endpoint_s=None if sentence.endpoint is None else sentence.endpoint / 1000,
        reason=sentence.reason,
        characters=len(sentence.text),
    )
