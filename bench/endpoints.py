"""The silence schedule from outside: speech of known length, then silence, and when the segment ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from bench.material import continuous_passage
from bench.player import Pace, Playback, Server, play_all
from bench.report import Table, columns_of
from client.view import Sentence
from common.audio import SAMPLES_PER_MS, ms_to_samples, samples_to_ms
from common.silence import SilenceSchedule, parse_schedule
from tests.support.speech import Span, Timeline

SPEECH_S: Final = (2.0, 7.0, 12.0, 17.0)
"""One length for each row of the streaming schedule below a segment cap of 20 s."""
LONG_SPEECH_S: Final = (25.0, 35.0, 50.0)
"""For engines whose segment cap is longer."""
_BEFORE_S: Final = 0.5
_AFTER_S: Final = 3.0
_DEFAULT_SCHEDULE: Final = "streaming"


class Trace(msgspec.Struct, frozen=True):
    """One piece of speech; all in milliseconds, errors are reported minus true, None: no endpoint came.

    silence_ms:       from the reported end to the reported endpoint, the server's own account.
    true_silence_ms:  from the true end to the reported endpoint.
    final_after_ms:   from sending the frame with the endpoint to receiving the final.
    """

    speech_ms: int
    segments: int
    expected_silence_ms: int
    silence_ms: int | None = None
    true_silence_ms: int | None = None
    start_error_ms: int | None = None
    end_error_ms: int | None = None
    final_after_ms: int | None = None
    reason: str | None = None


class EndpointsResult(msgspec.Struct, frozen=True):
    schedule: str
    traces: tuple[Trace, ...]

    def tables(self) -> tuple[Table, ...]:
        rows = tuple(msgspec.structs.astuple(trace) for trace in self.traces)
        return (Table(f"endpoints, schedule {self.schedule}", columns_of(Trace), rows),)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """A session for each length of speech; `server.silence_schedule` says which schedule is expected."""

    sentences: Sequence[str]
    speech_s: tuple[float, ...]
    pace: Pace
    parallel: int

    async def measure(self, server: Server) -> EndpointsResult:
        name = server.silence_schedule or _DEFAULT_SCHEDULE
        schedule = SilenceSchedule(parse_schedule(name))
        timelines = [self._timeline(seconds) for seconds in self.speech_s]
        playlist = [timeline.samples for timeline in timelines]
        playbacks = await play_all(playlist, server, self.pace, parallel=self.parallel)
        spans = map(whole_span, timelines)
        traces = [trace(schedule, *pair) for pair in zip(spans, playbacks, strict=True)]
        return EndpointsResult(name, tuple(traces))

    def _timeline(self, seconds: float) -> Timeline:
        speech = continuous_passage(self.sentences, seconds)
        return Timeline().pause(_BEFORE_S).speech(speech.samples, speech.text).pause(_AFTER_S)


def whole_span(timeline: Timeline) -> Span:
    """From the first to the last speech of the timeline."""
    return Span(timeline.spans[0].start, timeline.spans[-1].end, timeline.text)


def expected_endpoint(schedule: SilenceSchedule, span: Span) -> int:
    """First millisecond, in samples, when the silence is as long as the age of that moment asks for."""
    now = span.end
    while now - span.end < schedule.required_samples(now - span.start):
        now += SAMPLES_PER_MS
    return now


def trace(schedule: SilenceSchedule, span: Span, playback: Playback) -> Trace:
    """What was expected for the speech of `span` beside what the server reported of its last segment."""
    speech_ms = samples_to_ms(span.end - span.start)
    expected_ms = samples_to_ms(expected_endpoint(schedule, span) - span.end)
    sentences = playback.sentences
    if not sentences:
        return Trace(speech_ms, 0, expected_ms)
    first, last = sentences[0], sentences[-1]
    return Trace(
        speech_ms=speech_ms,
        segments=len(sentences),
        expected_silence_ms=expected_ms,
        silence_ms=last.endpoint_ms - last.end_ms,
        true_silence_ms=last.endpoint_ms - samples_to_ms(span.end),
        start_error_ms=first.start_ms - samples_to_ms(span.start),
        end_error_ms=last.end_ms - samples_to_ms(span.end),
        final_after_ms=_final_after_ms(playback, last),
        reason=str(last.reason),
    )


def _final_after_ms(playback: Playback, sentence: Sentence) -> int:
    arrived_s = next(
        at_s
        for at_s, result in playback.results
        if any(known.id == sentence.id for known in result.sentences)
    )
    return round(1000 * (arrived_s - playback.sent_at(ms_to_samples(sentence.endpoint_ms))))
