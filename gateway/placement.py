"""Which worker takes a session: rendezvous hash, the less loaded of the first two, below a bound.

The hash makes every gateway agree without asking; the load keeps workers even; the pin (the session stays
with its link) keeps a joining worker from moving anybody. The seed is secret, so that nobody can choose ids
that all land on one worker. Weights, by measured capacity, hold for both: a worker with twice the weight is
preferred twice as often, and is full with twice the sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log
from typing import Final

from xxhash import xxh3_64_intdigest

# A worker takes no more than this times its share while another one has room (Mirrokni et al., 2017).
LOAD_BOUND: Final = 1.25
# The less loaded of two is within this in all but one deployment of a thousand, and so it is made to be.
EVEN: Final = 1.05
# As many as a float holds with a half added, so that no hash becomes 0 or 1.
_HASH_BITS: Final = 52


@dataclass(frozen=True, slots=True)
class Domain:
    """What a worker is lost with. `card` is None on the CPU, which no two workers have in common."""

    worker: str
    host: str = ""
    card: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    domain: Domain
    sessions: int
    weight: float = 1.0

    @property
    def worker(self) -> str:
        return self.domain.worker


def preference(session: str, workers: Sequence[Candidate], seed: str) -> list[Candidate]:
    """All workers, best first; the order depends on the ids, the weights and the seed alone."""
    key = session.encode()

    def score(candidate: Candidate) -> float:
        digest = xxh3_64_intdigest(key, xxh3_64_intdigest(f"{seed}/{candidate.worker}".encode()))
        between_0_and_1 = ((digest >> (64 - _HASH_BITS)) + 0.5) / (1 << _HASH_BITS)
        return -candidate.weight / log(between_0_and_1)

    return sorted(workers, key=score, reverse=True)


def place(
    session: str, workers: Sequence[Candidate], seed: str, lost: Domain | None = None
) -> Candidate | None:
    """The worker for a session; None if there is none. One that has lost its worker goes as far away from it
    as it can while those there are below the bound."""
    if not workers:
        return None
    share = (sum(candidate.sessions for candidate in workers) + 1) / sum(each.weight for each in workers)
    ranked = preference(session, workers, seed)
    # Rounded up: otherwise nobody is below while there are fewer sessions than workers, idle ones included.
    below = [each for each in ranked if each.sessions + 1 <= ceil(LOAD_BOUND * share * each.weight)]
    if lost is not None:
        farthest = min(_nearness(candidate.domain, lost) for candidate in below)
        below = [candidate for candidate in below if _nearness(candidate.domain, lost) == farthest]
    even = [each for each in below if each.sessions + 1 <= _even_load(share * each.weight)]
    return min((even or below)[:2], key=lambda candidate: (candidate.sessions + 1) / candidate.weight)


def _even_load(share: float) -> int:
    """As a whole number, which for a few sessions is the next one."""
    return max(ceil(share), floor(EVEN * share))


def _nearness(one: Domain, lost: Domain) -> int:
    """How much they have in common: 0 nothing, 1 the host, 2 the card."""
    if one.card is not None and one.card == lost.card:
        return 2
    return int(one.host == lost.host)
