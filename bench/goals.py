"""What a run with live streams has to keep to, so that its number of streams counts as held. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import msgspec

from bench.live_record import LiveRun
from bench.numbers import count, positive


class Goals(msgspec.Struct, frozen=True):
    """From STOP to the last sentence at p95, and partials late by more than an interval; of a client that is
    itself late by more than `client_late_ms` at p99 they say nothing of the server. All streams get their
    finals in any case, unchanged and none twice."""

    stop_p95_ms: int = 300
    late_percent: float = 0.1
    client_late_ms: int = 50


class Trial(msgspec.Struct, frozen=True):
    """A run and what it missed; empty: it kept to the goals."""

    run: LiveRun
    missed: tuple[str, ...]


def tried(run: LiveRun, goals: Goals) -> Trial:
    return Trial(run, tuple(_missed(run, goals)))


def held(trials: tuple[Trial, ...]) -> int:
    """The most streams that a run held; 0 if none did."""
    return max((trial.run.streams for trial in trials if not trial.missed), default=0)


def least_missed(trials: tuple[Trial, ...]) -> Trial | None:
    """That with the fewest streams; None if all were held."""
    return min((trial for trial in trials if trial.missed), key=lambda trial: trial.run.streams, default=None)


def clients_late_ms(run: LiveRun) -> float:
    """By their own fault, the latest of them at p99."""
    return max(client.send_p99_ms for client in run.lateness)


def clients_were_late(run: LiveRun, goals: Goals) -> bool:
    """So late that it says nothing of the server."""
    return clients_late_ms(run) > goals.client_late_ms


def _missed(run: LiveRun, goals: Goals) -> Iterator[str]:
    for figure in ("lost", "silent", "changed", "skipped", "repeated"):
        if number := getattr(run, figure):
            yield f"{number} {figure}"
    stop_ms, late = run.after_stop.p95, 100 * run.late_share
    if stop_ms is None or stop_ms > goals.stop_p95_ms:
        yield f"STOP p95 {stop_ms} ms"
    if late > goals.late_percent:
        yield f"{late:.2f} % late"
    if clients_were_late(run, goals):
        yield f"the clients themselves were {clients_late_ms(run):.0f} ms late"


def add_goal_flags(parser: argparse.ArgumentParser) -> None:
    goals = parser.add_argument_group("goals")
    goals.add_argument("--stop-p95-ms", type=count, default=Goals().stop_p95_ms, help="STOP to last sentence")
    goals.add_argument(
        "--late-percent", type=positive, default=Goals().late_percent, help="partials over an interval late"
    )
    goals.add_argument(
        "--client-late-ms", type=count, default=Goals().client_late_ms, help="frames of the client, p99"
    )


def goals_of(flags: argparse.Namespace) -> Goals:
    return Goals(flags.stop_p95_ms, flags.late_percent, flags.client_late_ms)
