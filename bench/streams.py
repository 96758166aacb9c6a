"""Many streams at once, then each alone: the same audio must give the same words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from bench.material import JoinPlan, PauseRange, joined_passage
from bench.player import Pace, Playback, Server, play_all
from bench.report import Table
from tests.support.speech import Timeline
from tests.support.texts import word_errors

_PAUSES: Final = PauseRange(0.4, 2.5)
_COLUMNS: Final = ("stream", "worker at once", "worker alone", "same transcript", "WER at once", "WER alone")


class StreamComparison(msgspec.Struct, frozen=True):
    """One stream; word error rates are shares, not per cent."""

    worker_at_once: str
    worker_alone: str
    same_transcript: bool
    wer_at_once: float
    wer_alone: float
    transcript_at_once: str
    transcript_alone: str


class StreamsResult(msgspec.Struct, frozen=True):
    """`workers` counts the streams that each worker had while all ran at once."""

    same_transcripts: int
    workers: dict[str, int]
    streams: tuple[StreamComparison, ...]

    def tables(self) -> tuple[Table, ...]:
        workers = tuple(sorted(self.workers.items()))
        rows = tuple(
            (number, *msgspec.structs.astuple(stream)[:5]) for number, stream in enumerate(self.streams)
        )
        title = f"{self.same_transcripts} of {len(self.streams)} transcripts the same at once and alone"
        return (Table(title, _COLUMNS, rows), Table("workers at once", ("worker", "streams"), workers))


@dataclass(frozen=True, slots=True)
class Streams:
    """`count` sessions of about `seconds` each, every one with other audio."""

    sentences: Sequence[str]
    count: int
    seconds: float
    pace: Pace

    async def measure(self, server: Server) -> StreamsResult:
        timelines = [
            joined_passage(self.sentences, JoinPlan(self.seconds, _PAUSES, seed))
            for seed in range(self.count)
        ]
        playlist = [timeline.samples for timeline in timelines]
        at_once = await play_all(playlist, server, self.pace, parallel=self.count)
        each_alone = await play_all(playlist, server, self.pace, parallel=1)
        return compared(timelines, at_once, each_alone)


def compared(
    timelines: Sequence[Timeline], at_once: Sequence[Playback], each_alone: Sequence[Playback]
) -> StreamsResult:
    streams = tuple(map(_comparison, timelines, at_once, each_alone))
    workers = Counter(stream.worker_at_once for stream in streams)
    return StreamsResult(sum(stream.same_transcript for stream in streams), dict(workers), streams)


def _comparison(timeline: Timeline, at_once: Playback, alone: Playback) -> StreamComparison:
    return StreamComparison(
        worker_at_once=at_once.worker,
        worker_alone=alone.worker,
        same_transcript=at_once.transcript == alone.transcript,
        wer_at_once=word_errors(timeline.text, at_once.transcript).rate,
        wer_alone=word_errors(timeline.text, alone.transcript).rate,
        transcript_at_once=at_once.transcript,
        transcript_alone=alone.transcript,
    )
