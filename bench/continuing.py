"""How much of what the windows of a long segment agree on is what was spoken: `python -m bench continuing`.

The segment's final goes on from that text. Weights that are random cannot tell, so the embedded engine is
asked. It is never given a prefix: what it would have said behind one is put there.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from bench.report import Table, columns_of, make_header, show, write_json
from bench.speech import SpokenSentence, read_speech
from common.audio import Samples, ms_to_samples, samples_to_seconds, seconds_to_samples
from common.settings import Settings
from tests.support.texts import normalised, word_errors
from worker.engines.base import SegmentEngine, TranscribeRequest
from worker.engines.encoder_llm.continuation import Continuation
from worker.engines.moonshine import create
from worker.pipeline.effects import DecodeKind
from worker.pipeline.partials import PartialPolicy, PartialSettings

_PARTIALS: Final = PartialSettings(interval=ms_to_samples(480), window=ms_to_samples(8_000), stays=True)
_LONGEST: Final = seconds_to_samples(28)
_SHORTEST: Final = seconds_to_samples(12)
_MARGIN: Final = seconds_to_samples(0.1)
# About as many to a word as a language model's.
_PIECE: Final = re.compile(r"\s*\w{1,5}|\s*[^\w\s]")
# Where a text ends in the middle of what was said, so many words more or fewer may be meant.
_SLACK_WORDS: Final = 8


class Row(msgspec.Struct, frozen=True):
    """Of one segment; `wrong` words are those of the text agreed on, and of a decode of the whole segment as
    far as that text goes, against what was spoken."""

    seconds: float
    windows: int
    went_on: int
    agreed_words: int
    agreed_wrong: int
    whole_wrong: int


class ContinuingResult(msgspec.Struct, frozen=True):
    segments: tuple[Row, ...]

    def tables(self) -> tuple[Table, ...]:
        rows = tuple(msgspec.structs.astuple(row) for row in self.segments)
        summed = tuple(sum(column) for column in zip(*rows, strict=True))
        return (Table("text agreed on by windows, last row: all", columns_of(Row), (*rows, summed)),)


class _Pieces:
    """Text to tokens and back."""

    def __init__(self) -> None:
        self._known: list[str] = []

    def tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self._token(piece) for piece in _PIECE.findall(text))

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(self._known[token] for token in tokens)

    def _token(self, piece: str) -> int:
        if piece not in self._known:
            self._known.append(piece)
        return self._known.index(piece)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench continuing", description=__doc__)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")
    flags = parser.parse_args(arguments)
    command = shlex.join(["python", "-m", "bench", "continuing", *arguments])
    header = make_header(command, datetime.now(UTC).isoformat(timespec="seconds"), "embedded engine")
    result = ContinuingResult(tuple(asyncio.run(_measured())))
    show(header, result, Console())
    if flags.output is not None:
        write_json(flags.output, header, result)


async def _measured() -> list[Row]:
    speech = read_speech()
    engine = create(Settings())
    await engine.start()
    try:
        rows = []
        for sentences in _segments(speech.sentences):
            samples = speech.samples[sentences[0].start - _MARGIN : sentences[-1].end + _MARGIN]
            rows.append(await _row(engine, samples, " ".join(sentence.text for sentence in sentences)))
        return rows
    finally:
        await engine.close()


def _segments(sentences: Sequence[SpokenSentence]) -> Iterator[list[SpokenSentence]]:
    """As many whole sentences as fit; none that ends before its windows begin to move."""
    taken: list[SpokenSentence] = []
    for sentence in (*sentences, None):
        if taken and (sentence is None or sentence.end - taken[0].start > _LONGEST):
            if taken[-1].end - taken[0].start > _SHORTEST:
                yield taken
            taken = []
        if sentence is not None:
            taken.append(sentence)


async def _row(engine: SegmentEngine, samples: Samples, spoken: str) -> Row:
    continuation, policy, pieces = Continuation(), PartialPolicy(_PARTIALS, 0), _Pieces()
    windows, went_on = {0}, {0}
    for end in range(_PARTIALS.interval, len(samples), _PARTIALS.interval):
        start = policy.window_start(0, end)
        known = len(continuation.prefix(0, end))
        said = pieces.tokens(await _decoded(engine, samples[start:end]))
        continuation.heard(start, end, _continued(continuation.prefix(start, end), said))
        windows.add(start)
        if len(continuation.prefix(0, end)) > known:
            went_on.add(start)
    agreed = normalised(pieces.text(continuation.prefix(0, len(samples)))).split()
    whole = normalised(await _decoded(engine, samples)).split()
    return Row(
        seconds=samples_to_seconds(len(samples)),
        windows=len(windows),
        went_on=len(went_on),
        agreed_words=len(agreed),
        agreed_wrong=_wrong(agreed, spoken),
        whole_wrong=_wrong(whole[: len(agreed)], spoken),
    )


async def _decoded(engine: SegmentEngine, samples: Samples) -> str:
    return (await engine.transcribe(TranscribeRequest(samples, DecodeKind.FINAL))).text


def _continued(prefix: tuple[int, ...], said: tuple[int, ...]) -> tuple[int, ...]:
    """`said` as of a model that was given the prefix: that, and what comes behind the last they share."""
    blocks = SequenceMatcher(None, prefix, said, autojunk=False).get_matching_blocks()
    shared = [block for block in blocks if block.size]
    if not shared:
        return prefix + said[len(prefix) :]
    last = shared[-1]
    return prefix + said[last.b + len(prefix) - last.a :]


def _wrong(words: Sequence[str], spoken: str) -> int:
    """Wrong words of a text that ends somewhere in what was spoken."""
    reference = normalised(spoken).split()
    ends = range(max(1, len(words) - _SLACK_WORDS), min(len(reference), len(words) + _SLACK_WORDS) + 1)
    text = " ".join(words)
    return min(word_errors(" ".join(reference[:end]), text).errors for end in ends)
