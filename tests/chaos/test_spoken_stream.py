"""Real speech and the embedded engine: the serving worker is killed in mid-sentence, and no word changes."""

from __future__ import annotations

import asyncio
import bisect
import os
import random
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

import pytest

from bench.player import FRAME_SAMPLES, Pace, Playback, Server, play
from client.view import Moved, Started
from common.audio import ms_to_samples, samples_to_seconds
from common.clock import MonotonicClock
from gateway.host_view import WorkerRow
from tests.chaos.conftest import Show
from tests.chaos.figures import Table, quantiles
from tests.chaos.size import SPOKEN
from tests.support.processes import MOONSHINE, Deployment, Plan
from tests.support.speech import Timeline
from tests.support.texts import sentences, word_errors
from tests.support.trouble import SEED
from tests.support.wire import eventually

# The short ones end no segment: what is heard again is one sentence or several.
_PAUSES_S: Final = (1.1, 0.4, 1.4, 0.8, 0.3, 1.7)
_NOISE: Final = 0.001
# Share of the sentence that was said before the blow.
_IN_MID_SENTENCE: Final = (0.3, 0.8)
_MOST_WRONG: Final = 0.1
_CLOCK: Final = MonotonicClock()

# For booting, for the last answers, and for a machine that is busy.
_SLACK_S: Final = 180.0
pytestmark = [pytest.mark.fault, pytest.mark.timeout(SPOKEN.seconds + _SLACK_S)]


@dataclass(frozen=True, slots=True)
class Kill:
    """`at`: seconds of the client's clock, just before the signal; `worker`: the one that served."""

    at: float
    worker: str


def test_no_word_changes_when_the_serving_worker_is_killed_in_mid_sentence(show: Show) -> None:
    """The undisturbed stream runs at the same time in a deployment of its own."""
    spoken = _spoken(SPOKEN.seconds)
    with (
        Deployment(Plan(MOONSHINE, workers=1)) as calm_one,
        Deployment(Plan(MOONSHINE, workers=2)) as struck_one,
    ):
        calm, struck, kills = asyncio.run(_play_both(spoken, calm_one, struck_one))
    show(_table(spoken, calm, struck, kills))
    assert [said.text for said in struck.sentences] == [said.text for said in calm.sentences]
    assert struck.sentences == calm.sentences
    assert word_errors(spoken.text, calm.transcript).rate <= _MOST_WRONG
    assert len(kills) == SPOKEN.kills
    assert [left for left, _ in _moves(struck)] == [kill.worker for kill in kills]
    assert all(_is_mid_sentence(spoken, _sent(struck, kill.at)) for kill in kills), f"CHAOS_SEED={SEED}"


def _spoken(seconds: float) -> Timeline:
    """At least so much, the same in every run."""
    timeline = Timeline(noise_level=_NOISE).pause(0.5)
    for text, pause_s in zip(cycle(sentences()), cycle(_PAUSES_S), strict=False):
        if samples_to_seconds(timeline.length) >= seconds:
            break
        timeline = timeline.say(text).pause(pause_s)
    return timeline


async def _play_both(
    spoken: Timeline, calm: Deployment, struck: Deployment
) -> tuple[Playback, Playback, list[Kill]]:
    samples, pace = spoken.samples, Pace(clock=_CLOCK)
    async with asyncio.TaskGroup() as streams:
        undisturbed = streams.create_task(play(samples, Server(calm.url), pace), name="calm")
        disturbed = streams.create_task(play(samples, Server(struck.url), pace), name="struck")
        kills = streams.create_task(_kill(struck, _blows(spoken)), name="kills")
    return undisturbed.result(), disturbed.result(), kills.result()


def _blows(spoken: Timeline) -> list[float]:
    """Seconds into the audio, each in a part of its own of it."""
    rng = random.Random(SEED)
    part = spoken.length / SPOKEN.kills
    blows = []
    for number in range(SPOKEN.kills):
        inside = [
            span for span in spoken.spans if number * part <= span.start < span.end <= (number + 1) * part
        ]
        span = rng.choice(inside)
        blows.append(
            samples_to_seconds(round(span.start + rng.uniform(*_IN_MID_SENTENCE) * (span.end - span.start)))
        )
    return blows


async def _kill(deployment: Deployment, blows: Sequence[float]) -> list[Kill]:
    await eventually(lambda: _serving(deployment), 30, "the session is live")
    began = _CLOCK.now()
    kills = []
    for blow in blows:
        await asyncio.sleep(began + blow - _CLOCK.now())
        row = await asyncio.to_thread(_serving, deployment)
        if row is not None and row.pid is not None:
            kills.append(Kill(_CLOCK.now(), row.id))
            os.kill(row.pid, signal.SIGKILL)
    return kills


def _serving(deployment: Deployment) -> WorkerRow | None:
    return next((row for row in deployment.rows().workers if row.sessions), None)


def _sent(playback: Playback, at: float) -> int:
    """How much audio was on its way then, in samples."""
    return bisect.bisect(playback.sent_s, at) * FRAME_SAMPLES


def _is_mid_sentence(spoken: Timeline, sample: int) -> bool:
    return any(span.start < sample < span.end for span in spoken.spans)


def _moves(playback: Playback) -> Iterator[tuple[str, float]]:
    """The worker that was left, and when the client heard of it."""
    worker = ""
    for arrival in playback.arrivals:
        match arrival.message:
            case Started(_, first):
                worker = first
            case Moved(following):
                yield worker, arrival.at_s
                worker = following


def _lateness(playback: Playback) -> list[float]:
    """Of each sentence: seconds from when the audio at its endpoint was sent to when it was heard."""
    late: list[float] = []
    for at_s, result in playback.results:
        late += [
            at_s - playback.sent_at(ms_to_samples(sentence.endpoint_ms) - 1)
            for sentence in result.sentences[len(late) :]
        ]
    return late


def _shown(playback: Playback, at: float) -> bool:
    """Whether there was a partial of the open segment then."""
    before = [result for at_s, result in playback.results if at_s < at]
    return bool(before and before[-1].partial)


def _table(spoken: Timeline, calm: Playback, struck: Playback, kills: Sequence[Kill]) -> Table:
    stalls = [heard - kill.at for kill, (_, heard) in zip(kills, _moves(struck), strict=False)]
    errors = word_errors(spoken.text, calm.transcript)
    differing = word_errors(calm.transcript, struck.transcript)
    return [
        ("audio", f"{samples_to_seconds(spoken.length):.0f} s, {len(spoken.spans)} sentences said"),
        ("segments", f"{len(calm.sentences)} undisturbed, {len(struck.sentences)} with kills"),
        ("words", f"{errors.words} said, {errors.errors} of them not as they were said"),
        ("words that differ by the kills", str(differing.errors)),
        ("kills", f"{len(kills)}, with a partial shown {sum(_shown(struck, kill.at) for kill in kills)}"),
        ("blow to `moved`", quantiles(stalls)),
        ("endpoint sent to sentence, calm", quantiles(_lateness(calm))),
        ("endpoint sent to sentence, kills", quantiles(_lateness(struck))),
    ]
