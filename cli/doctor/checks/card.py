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
_ROOT: Final = 0


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
    """`pipes`: folder by which CUDA finds a daemon that somebody else has started. `owner`: user id of that
    folder; None if there is none. `trouble`: why the daemon does not answer; None if it does."""

    pipes: str
    owner: int | None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class CardFacts:
    """`card`: the one of `--device`; None if there is a driver but no such card. `under_mps`: workers are to
    run under MPS; `mps`: under this daemon, and under the supervisor's own where that is None. `refused`: why
    they cannot. `user`: our user id. `weights`: bytes of the model's file."""

    card: Card | None
    under_mps: bool = False
    mps: MpsFacts | None = None
    refused: str | None = None
    user: int = 0
    weights: int = 0


def check_card(settings: Settings, facts: CardFacts) -> Iterator[Finding]:
    card = facts.card
    if card is None:
        yield Finding(
            Cause.CARD_MISSING,
            f"there is no card for --device {settings.device}",
            "`voxshard serve` ends with code 2",
            "nvidia-smi -L lists them; correct --device or CUDA_VISIBLE_DEVICES",
        )
        return
    yield from _check_memory(settings, facts, card)
    yield from _check_mode(facts, card)
    if facts.refused is not None:
        yield Finding(
            Cause.MPS_UNUSABLE,
            facts.refused,
            "`voxshard serve` ends with code 2 or 3",
            "do as that says; or, to run without MPS: --mps off",
        )
    if facts.mps is not None:
        yield from _check_mps(facts, facts.mps)


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


def _check_mode(facts: CardFacts, card: Card) -> Iterator[Finding]:
    exclusive = card.mode in (ComputeMode.EXCLUSIVE_PROCESS, ComputeMode.EXCLUSIVE_THREAD)
    alone = exclusive and not facts.under_mps
    if card.mode is not ComputeMode.PROHIBITED and not alone:
        return
    yield Finding(
        Cause.COMPUTE_MODE,
        f"the compute mode of {card.name} is {card.mode.name}, and workers do not run under MPS"
        if alone
        else f"the compute mode of {card.name} is {card.mode.name}",
        "a worker is two processes on the card, and one at most is let in" if alone else "nobody is let in",
        "sudo nvidia-smi -c DEFAULT; or, unless it is PROHIBITED, --mps on",
    )


def _check_mps(facts: CardFacts, mps: MpsFacts) -> Iterator[Finding]:
    # That of root serves others, too.
    if mps.owner not in (None, facts.user, _ROOT):
        yield Finding(
            Cause.MPS_OTHER_USER,
            f"the MPS daemon at {mps.pipes} belongs to user {mps.owner}, this is user {facts.user}",
            "workers cannot become its clients, and do not start",
            "start daemon and workers as the same user; or unset CUDA_MPS_PIPE_DIRECTORY: the supervisor then"
            " starts a daemon of its own",
        )
    elif mps.trouble is not None:
        yield Finding(
            Cause.MPS_DEAD,
            f"no MPS daemon answers at {mps.pipes} ({mps.trouble})",
            "a worker that finds such a folder wants to be a client, and does not start",
            f"voxshard mps start --pipes {mps.pipes}; or remove that folder and unset"
            " CUDA_MPS_PIPE_DIRECTORY: the supervisor then starts a daemon of its own",
        )
