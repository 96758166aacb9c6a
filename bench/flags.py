"""Command line of the measurements: flags in, one measurement to run out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from bench.endpoints import LONG_SPEECH_S, SPEECH_S, Endpoints
from bench.material import JoinPlan, PauseRange, file_passages, recorded_passages, spoken_passages
from bench.numbers import count, positive
from bench.partials import Partials
from bench.player import Pace, Server
from bench.report import Result
from bench.streams import Streams
from bench.wer import JoinedWer, PassagesWer
from common.errors import BadSilenceSchedule
from common.silence import parse_schedule
from tests.support.texts import SENTENCES_FILE, sentences

DEFAULT_SERVER: Final = "ws://127.0.0.1:10095"
_DEFAULT_PAUSES: Final = PauseRange(0.4, 2.5)


class Measurement(Protocol):
    async def measure(self, server: Server) -> Result:
        """Raises `StreamError`, alone or in a group."""
        ...


@dataclass(frozen=True, slots=True)
class Invocation:
    server: Server
    output: Path | None
    measurement: Measurement


def parse_flags(arguments: Sequence[str]) -> Invocation:
    """Ends the process with a message when the flags are wrong, as argparse does."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure a running server.")
    programs = parser.add_subparsers(required=True, metavar="|".join(_PROGRAMS))
    for name, program in _PROGRAMS.items():
        own = programs.add_parser(name, help=program.help, description=program.help)
        _add_common_flags(own)
        program.add_flags(own)
        own.set_defaults(build=program.build)
    flags = parser.parse_args(arguments)
    return Invocation(Server(flags.server, flags.schedule), flags.output, flags.build(flags))


def _add_common_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", default=DEFAULT_SERVER, metavar="URL", help="default: %(default)s")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument(
        "--schedule",
        type=_schedule,
        metavar="TEXT",
        help="silence schedule of the sessions, if not the server's",
    )
    parser.add_argument("--speed", type=positive, default=1.0, help="1.0 is the pace of speech")
    parser.add_argument(
        "--sentences",
        type=_file,
        default=SENTENCES_FILE,
        metavar="FILE",
        help="what is said, a sentence a line",
    )


def _add_wer_flags(parser: argparse.ArgumentParser) -> None:
    material = parser.add_mutually_exclusive_group()
    material.add_argument("--recordings", action="store_true", help="the two human recordings")
    material.add_argument(
        "--wav", type=_file, nargs=2, metavar=("AUDIO", "TEXT"), help="a file and its words"
    )
    material.add_argument(
        "--joined", type=positive, metavar="MINUTES", help="sentences joined into one session"
    )
    parser.add_argument(
        "--pause", type=_pause_range, default=_DEFAULT_PAUSES, metavar="A-B", help="seconds, of --joined"
    )
    parser.add_argument("--seed", type=int, default=0, help="order and pauses of --joined")
    parser.add_argument("--parallel", type=count, default=2, help="sessions at once")


def _wer(flags: argparse.Namespace) -> Measurement:
    pace = Pace(flags.speed)
    if flags.joined is not None:
        plan = JoinPlan(60 * flags.joined, flags.pause, flags.seed)
        return JoinedWer(sentences(flags.sentences), plan, pace, flags.parallel)
    if flags.recordings:
        return PassagesWer("recordings", recorded_passages, pace, flags.parallel)
    if flags.wav is not None:
        return PassagesWer("file", partial(file_passages, *flags.wav), pace, flags.parallel)
    spoken = partial(spoken_passages, sentences(flags.sentences))
    return PassagesWer("sentences", spoken, pace, flags.parallel)


def _add_endpoints_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--long", action="store_true", help="lengths for engines with a longer segment cap, too"
    )
    parser.add_argument("--parallel", type=count, default=2, help="sessions at once")


def _endpoints(flags: argparse.Namespace) -> Measurement:
    lengths_s = (*SPEECH_S, *LONG_SPEECH_S) if flags.long else SPEECH_S
    return Endpoints(sentences(flags.sentences), lengths_s, Pace(flags.speed), flags.parallel)


def _add_partials_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--utterances", type=count, default=5, help="pieces of speech")
    parser.add_argument("--seconds", type=positive, default=8.0, help="length of each")


def _partials(flags: argparse.Namespace) -> Measurement:
    return Partials(sentences(flags.sentences), flags.utterances, flags.seconds, Pace(flags.speed))


def _add_streams_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("count", type=count, help="streams at once")
    parser.add_argument("--seconds", type=positive, default=30.0, help="length of each")


def _streams(flags: argparse.Namespace) -> Measurement:
    return Streams(sentences(flags.sentences), flags.count, flags.seconds, Pace(flags.speed))


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no file {text}")
    return path


def _schedule(text: str) -> str:
    try:
        parse_schedule(text)
    except BadSilenceSchedule as error:
        raise argparse.ArgumentTypeError(error.text) from error
    return text


def _pause_range(text: str) -> PauseRange:
    """`0.4-2.5`, or one length for all pauses."""
    shortest, _, longest = text.partition("-")
    pauses = PauseRange(float(shortest), float(longest or shortest))
    if not 0 <= pauses.shortest_s <= pauses.longest_s < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a range of seconds")
    return pauses


@dataclass(frozen=True, slots=True)
class _Program:
    help: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    build: Callable[[argparse.Namespace], Measurement]


_PROGRAMS: Final = {
    "wer": _Program("word error rate, of passages alone or joined into one session", _add_wer_flags, _wer),
    "endpoints": _Program("the silence schedule, seen from outside", _add_endpoints_flags, _endpoints),
    "partials": _Program("how soon and how often partials come", _add_partials_flags, _partials),
    "streams": _Program(
        "transcripts of many streams at once and of each alone", _add_streams_flags, _streams
    ),
}
