"""How soon and how often partials come while somebody speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import msgspec

from bench.material import continuous_passage
from bench.player import Pace, Playback, Server, play_all
from bench.report import Table, columns_of
from common.audio import samples_to_ms
from tests.support.speech import Span, Timeline

# Longer than the longest silence of the streaming schedule, so that each utterance is a segment of its own.
_PAUSE_S: Final = 2.5


class Reaction(msgspec.Struct, frozen=True):
    """One utterance, times in milliseconds on the client's clock; None: no partial came.

    first_partial_ms: from sending the frame with the first speech sample to the first non-empty partial.
    largest_gap_ms:   longest time without a newer partial, from the first one to the end of speech.
    """

    speech_ms: int
    partials: int
    first_partial_ms: int | None = None
    mean_gap_ms: int | None = None
    largest_gap_ms: int | None = None


class PartialsResult(msgspec.Struct, frozen=True):
    reactions: tuple[Reaction, ...]

    def tables(self) -> tuple[Table, ...]:
        rows = tuple(msgspec.structs.astuple(reaction) for reaction in self.reactions)
        return (Table("partials during speech", columns_of(Reaction), rows),)


@dataclass(frozen=True, slots=True)
class Partials:
    """One session of `utterances` pieces of speech of `speech_s` seconds, with pauses between them."""

    sentences: Sequence[str]
    utterances: int
    speech_s: float
    pace: Pace

    async def measure(self, server: Server) -> PartialsResult:
        timeline = self._timeline()
        [playback] = await play_all([timeline.samples], server, self.pace, parallel=1)
        return PartialsResult(tuple(reaction(playback, span) for span in timeline.spans))

    def _timeline(self) -> Timeline:
        timeline = Timeline().pause(_PAUSE_S)
        share = max(1, len(self.sentences) // self.utterances)
        for number in range(self.utterances):
            own = self.sentences[number * share : (number + 1) * share]
            speech = continuous_passage(own or self.sentences, self.speech_s)
            timeline = timeline.speech(speech.samples, speech.text).pause(_PAUSE_S)
        return timeline


def reaction(playback: Playback, span: Span) -> Reaction:
    """The partials that arrived while the speech of `span` was being sent."""
    began_s, ended_s = playback.sent_at(span.start), playback.sent_at(span.end - 1)
    speech_ms = samples_to_ms(span.end - span.start)
    arrived_s = [at_s for at_s, result in playback.results if result.partial and began_s <= at_s <= ended_s]
    if not arrived_s:
        return Reaction(speech_ms, 0)
    gaps_s = [later - earlier for earlier, later in pairwise(arrived_s)]
    # The time from the last partial to the end of speech is no full gap, but it may be the worst one.
    largest_s = max([*gaps_s, ended_s - arrived_s[-1]])
    return Reaction(
        speech_ms=speech_ms,
        partials=len(arrived_s),
        first_partial_ms=_ms(arrived_s[0] - began_s),
        mean_gap_ms=_ms(sum(gaps_s) / len(gaps_s)) if gaps_s else None,
        largest_gap_ms=_ms(largest_s),
    )


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
