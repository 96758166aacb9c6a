"""Which worker takes a session: rendezvous hash, the less loaded of the first two, below a bound.

The hash makes every gateway agree without asking; the load keeps workers even; the pin (the session stays
with its link) keeps a joining worker from moving anybody. The seed is secret, so that nobody can choose ids
that all land on one worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from xxhash import xxh3_64_intdigest

# A worker takes no more than this times the mean while another one has room (Mirrokni et al., 2017).
LOAD_BOUND: Final = 1.25


@dataclass(frozen=True, slots=True)
class Candidate:
    worker: str
    sessions: int


def preference(session: str, workers: Sequence[Candidate], seed: str) -> list[Candidate]:
    """All workers, best first; the order depends on the ids and the seed alone."""
    key = session.encode()

    def score(candidate: Candidate) -> int:
        return xxh3_64_intdigest(key, xxh3_64_intdigest(f"{seed}/{candidate.worker}".encode()))

    return sorted(workers, key=score, reverse=True)


def place(session: str, workers: Sequence[Candidate], seed: str) -> Candidate | None:
    """The worker for a new session; None if there is none."""
    if not workers:
        return None
    mean = (sum(candidate.sessions for candidate in workers) + 1) / len(workers)
    # Rounded up: otherwise nobody is below while there are fewer sessions than workers, idle ones included.
    bound = ceil(LOAD_BOUND * mean)
    ranked = preference(session, workers, seed)
    below = [candidate for candidate in ranked if candidate.sessions + 1 <= bound]
    return min(below[:2], key=lambda candidate: candidate.sessions)
