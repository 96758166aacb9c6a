"""The card, its memory, and the MPS daemon by which several workers share it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cli.doctor.finding import Cause, Finding
from common.settings import Settings

GIB: Final = 2**30
# An H200 with one worker: 11.3 GiB, of which 4 are the key-value cache and 2 are weights.
_BESIDE_BYTES: Final = 5 * GIB
# CUDA contexts of a worker: the encoder's, and the language model's in a process of its own.
_CONTEXTS: Final = 2
# Of one MPS server on one card, before CUDA 13.1 and from then on.
_MOST_CONTEXTS_BEFORE: Final = 48
_MOST_CONTEXTS: Final = 60
_MORE_FROM: Final = (13, 1)
_PIPES_VARIABLE: Final = "CUDA_MPS_PIPE_DIRECTORY"


class ComputeMode(Enum):
    """As NVML numbers them."""

    DEFAULT = 0
    EXCLUSIVE_THREAD = 1
    PROHIBITED = 2
    EXCLUSIVE_PROCESS = 3


@dataclass(frozen=True, slots=True)
class Card:
    """Bytes of its memory; `processes` on it, as "PID NAME"."""

    name: str
    total: int
    free: int
    mode: ComputeMode
    processes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MpsFacts:
    """`pipes`: folder by which CUDA finds the daemon. `owner`: user id of that folder; None if there is none.
    `trouble`: why the daemon does not answer; None if it does."""

    pipes: str
    owner: int | None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class CardFacts:
    """`card`: the one of `--device`; None if there is a driver but no such card. `mps`: None if nobody has
    set up a daemon. `cuda`: newest that the driver knows. `user`: our user id. `weights`: bytes of the
    model's file."""

    card: Card | None
    mps: MpsFacts | None = None
    cuda: tuple[int, int] = (13, 0)
    user: int = 0
    weights: int = 0


def check_card(settings: Settings, facts: CardFacts) -> Iterator[Finding]:
    card = facts.card
    if card is None:
        yield Finding(
            Cause.CARD_MISSING,
            f"there is no card for --device {settings.device}",
            "workers end with code 3",
            "nvidia-smi -L lists them; correct --device or CUDA_VISIBLE_DEVICES",
        )
        return
    yield from _check_memory(settings, facts, card)
    yield from _check_mode(settings, facts, card)
    if facts.mps is not None:
        yield from _check_mps(settings, facts, facts.mps)


def worker_bytes(settings: Settings, weights: int) -> int:
    """What a worker takes of the card."""
    return round(settings.kv_cache_gib * GIB) + weights + _BESIDE_BYTES


def _check_memory(settings: Settings, facts: CardFacts, card: Card) -> Iterator[Finding]:
    each = worker_bytes(settings, facts.weights)
    # vLLM wants its share to be free when a worker starts, and the last one comes behind all others.
    share = round(settings.gpu_memory_utilization * card.total)
    needed = (settings.workers - 1) * each + max(each, share)
    others = f"; on it: {', '.join(card.processes)}" if card.processes else ""
    if card.free < needed:
        yield Finding(
            Cause.CARD_MEMORY,
            f"{card.free / GIB:.1f} of {card.total / GIB:.1f} GiB are free on {card.name}{others}",
            f"{settings.workers} workers take about {each / GIB:.1f} GiB each, and the last one starts only"
            f" if {max(each, share) / GIB:.1f} GiB are free then",
            "lower --workers, --kv-cache-gib or --gpu-memory-utilization; or end what else uses the card"
            " (nvidia-smi)",
        )
    elif card.processes:
        yield Finding(
            Cause.CARD_SHARED,
            f"other processes use {card.name}{others}",
            "they and the workers slow each other down",
            "end them, or choose another card with --device cuda:N",
        )


def _check_mode(settings: Settings, facts: CardFacts, card: Card) -> Iterator[Finding]:
    alone = card.mode in (ComputeMode.EXCLUSIVE_PROCESS, ComputeMode.EXCLUSIVE_THREAD) and facts.mps is None
    if card.mode is not ComputeMode.PROHIBITED and not alone:
        return
    yield Finding(
        Cause.COMPUTE_MODE,
        f"the compute mode of {card.name} is {card.mode.name}, and there is no MPS daemon"
        if alone
        else f"the compute mode of {card.name} is {card.mode.name}",
        "a worker is two processes on the card, and one at most is let in" if alone else "nobody is let in",
        "sudo nvidia-smi -c DEFAULT, or start the daemon: nvidia-cuda-mps-control -d",
    )


def _check_mps(settings: Settings, facts: CardFacts, mps: MpsFacts) -> Iterator[Finding]:
    if mps.owner is not None and mps.owner != facts.user:
        yield Finding(
            Cause.MPS_OTHER_USER,
            f"the MPS daemon at {mps.pipes} belongs to user {mps.owner}, this is user {facts.user}",
            "workers cannot become its clients, and do not start",
            "start daemon and workers as the same user, or give each its own CUDA_MPS_PIPE_DIRECTORY",
        )
    elif mps.trouble is not None:
        yield Finding(
            Cause.MPS_DEAD,
            f"no MPS daemon answers at {mps.pipes} ({mps.trouble})",
            "a worker that finds such a folder wants to be a client, and does not start",
            f"nvidia-cuda-mps-control -d; or, to run without MPS: rm -r {mps.pipes}; unset {_PIPES_VARIABLE}",
        )
    most = _MOST_CONTEXTS if facts.cuda >= _MORE_FROM else _MOST_CONTEXTS_BEFORE
    if settings.workers * _CONTEXTS > most:
        yield Finding(
            Cause.MPS_TOO_MANY,
            f"{settings.workers} workers are {settings.workers * _CONTEXTS} clients of the MPS daemon",
            f"it takes {most} on a card",
            f"--workers {most // _CONTEXTS} at most",
        )
