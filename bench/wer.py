"""Word error rate: each passage as its own session, or many joined into one session with pauses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Final

import msgspec

from bench.material import JoinPlan, joined_passage, parts_alone
from bench.player import Pace, Playback, Server, play_all
from bench.report import Table
from common.audio import samples_to_seconds
from tests.support.speech import Timeline
from tests.support.texts import WordErrors, differing_words, total, word_errors

_WORST: Final = 10
_SHOWN_PLACES: Final = 20
_SHOWN_CHARACTERS: Final = 72
_SCORE_COLUMNS: Final = ("material", "sessions", "audio s", "words", "errors", "WER")


class PassageScore(msgspec.Struct, frozen=True):
    reference: str
    transcript: str
    errors: int
    words: int


class Score(msgspec.Struct, frozen=True):
    """Word errors over all sessions of one kind; `wer` is a share, not per cent."""

    material: str
    sessions: int
    audio_s: float
    words: int
    errors: int
    wer: float
    passages: tuple[PassageScore, ...]


class WerResult(msgspec.Struct, frozen=True):
    scores: tuple[Score, ...]

    def tables(self) -> tuple[Table, ...]:
        rows = tuple(
            (score.material, score.sessions, score.audio_s, score.words, score.errors, score.wer)
            for score in self.scores
        )
        return (Table("word error rate", _SCORE_COLUMNS, rows), *map(_worst_table, self.scores))


@dataclass(frozen=True, slots=True)
class PassagesWer:
    """Every passage as a session of its own, `parallel` at once."""

    material: str
    source: Callable[[], Sequence[Timeline]]
    pace: Pace
    parallel: int

    async def measure(self, server: Server) -> WerResult:
        score = await _scored(self.material, self.source(), server, pace=self.pace, parallel=self.parallel)
        return WerResult((score,))


@dataclass(frozen=True, slots=True)
class JoinedWer:
    """One session of sentences and pauses, then the same parts each alone."""

    sentences: Sequence[str]
    plan: JoinPlan
    pace: Pace
    parallel: int

    async def measure(self, server: Server) -> WerResult:
        joined = joined_passage(self.sentences, self.plan)
        parts = parts_alone(joined)
        together = await _scored("joined", (joined,), server, pace=self.pace, parallel=1)
        apart = await _scored("its parts alone", parts, server, pace=self.pace, parallel=self.parallel)
        return WerResult((together, apart))


async def _scored(
    material: str, passages: Sequence[Timeline], server: Server, *, pace: Pace, parallel: int
) -> Score:
    playlist = [passage.samples for passage in passages]
    playbacks = await play_all(playlist, server, pace, parallel=parallel)
    audio_s = samples_to_seconds(sum(map(len, playlist)))
    return score_of(material, audio_s, tuple(map(_passage_score, passages, playbacks)))


def score_of(material: str, audio_s: float, passages: tuple[PassageScore, ...]) -> Score:
    summed = total(WordErrors(passage.errors, passage.words) for passage in passages)
    return Score(material, len(passages), audio_s, summed.words, summed.errors, summed.rate, passages)


def _passage_score(passage: Timeline, playback: Playback) -> PassageScore:
    counted = word_errors(passage.text, playback.transcript)
    return PassageScore(passage.text, playback.transcript, counted.errors, counted.words)


def _worst_table(score: Score) -> Table:
    wrong = [passage for passage in score.passages if passage.errors]
    worst = sorted(wrong, key=lambda passage: passage.errors / max(passage.words, 1), reverse=True)[:_WORST]
    rows = tuple((passage.errors, *_shown(passage)) for passage in worst)
    return Table(f"{score.material}: worst passages", ("errors", "passage", "said > written"), rows)


def _shown(passage: PassageScore) -> tuple[str, str]:
    places = differing_words(passage.reference, passage.transcript)
    shown = [f"{said or '–'} > {written or '–'}" for said, written in places[:_SHOWN_PLACES]]
    more = ["…"] if len(places) > _SHOWN_PLACES else []
    return shorten(passage.reference, _SHOWN_CHARACTERS, placeholder=" …"), ", ".join([*shown, *more])
