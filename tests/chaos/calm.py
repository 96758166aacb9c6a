"""One session that nothing happens to, beside a run: what the sessions of the run have to come back as."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from tests.chaos.conduct import at, length_ms
from tests.chaos.history import History
from tests.chaos.provenance import Finder, Window
from tests.chaos.recorder import record
from tests.chaos.script import Script
from tests.chaos.size import SIZE
from tests.support.processes import Deployment, Plan

Transcript = list[tuple[Window | None, int, int, int, str]]
"""Of each sentence: which part of the audio its text is of, start, end, endpoint and reason."""


@contextmanager
def calm_session(seconds: float) -> Iterator[Future[History]]:
    """In a deployment of its own, as long as those of a run with so many seconds of trouble."""
    with Deployment(Plan(environ=SIZE.environ)) as deployment, ThreadPoolExecutor(1) as pool:
        script = Script(SIZE.sessions, length_ms(seconds))
        yield pool.submit(asyncio.run, record(at(deployment.url), script))


def transcript(history: History) -> Transcript:
    """Sessions say different things at the same times: undisturbed ones have the same transcript."""
    finder = Finder(history.script)
    return [
        (
            finder.window_of(sentence.text, sentence.start),
            sentence.start,
            sentence.end,
            sentence.endpoint,
            sentence.reason,
        )
        for sentence in history.locked
    ]
