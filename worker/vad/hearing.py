"""What the VAD's threads do: hops of many sessions in rounds; each alone where all together fail. Pure."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np

from common.audio import Samples
from worker.vad.base import VadModel, VadState


class HeardHop(NamedTuple):
    """A hop, the model's answer, and the session's state after it."""

    samples: Samples
    speech: float
    state: VadState


class Wanted(NamedTuple):
    """Hops of one session to be heard in a row, from this state on."""

    hops: list[Samples]
    state: VadState


Heard = list[HeardHop] | Exception
"""Of one session: its hops, or what the model raises at them."""


def hear(model: VadModel, batch: list[Wanted]) -> list[Heard]:
    """One session's audio that the model fails at is nobody else's: the result for a session does not depend
    on who else is in the batch, so they are heard again one by one."""
    with suppress(Exception):
        return [*_in_rounds(model, batch)]
    return [_alone(model, wanted) for wanted in batch]


def _alone(model: VadModel, wanted: Wanted) -> Heard:
    try:
        [heard] = _in_rounds(model, [wanted])
    except Exception as error:
        return error
    return heard


def _in_rounds(model: VadModel, batch: list[Wanted]) -> list[list[HeardHop]]:
    """Round by round one call for all that have a hop left, each from its own state to the next."""
    states = [wanted.state for wanted in batch]
    heard: list[list[HeardHop]] = [[] for _ in batch]
    rows, turn = list(range(len(batch))), 0
    while rows:
        hops = [batch[row].hops[turn] for row in rows]
        speech, following = model.forward(np.stack(hops), [states[row] for row in rows])
        for row, samples, probability, state in zip(rows, hops, speech, following, strict=True):
            heard[row].append(HeardHop(samples, probability, state))
            states[row] = state
        turn += 1
        rows = [row for row in rows if len(batch[row].hops) > turn]
    return heard
