"""Runs one after the other, each with as many streams as a search wants."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from bench.goals import Trial
from bench.search import Search

# A server that was asked for too much has work left; what is measured next should not pay for it.
REST_S: Final = 10.0


def trials(
    search: Search, attempt: Callable[[int], Trial], *, in_time: Callable[[], bool] = lambda: True
) -> Iterator[Trial]:
    """Each as it comes, until the search has ended or it is not `in_time`. Raises what `attempt` raises."""
    while in_time() and (streams := search.next()) is not None:
        trial = attempt(streams)
        search.tell(streams, was_held=not trial.missed)
        yield trial
        if trial.missed:
            time.sleep(REST_S)
