"""One session that nothing happens to, beside a run: what the sessions of the run have to come back as."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import zip_longest

from tests.chaos.conduct import at, length_ms
from tests.chaos.figures import Run
from tests.chaos.history import History, Sentence
from tests.chaos.provenance import Finder, Window
from tests.chaos.recorder import record
from tests.chaos.script import Script
from tests.chaos.size import SIZE
from tests.support.processes import Deployment, Plan


@contextmanager
def calm_session(seconds: float) -> Iterator[Future[History]]:
    """In a deployment of its own, as long as those of a run with so many seconds of trouble."""
    with Deployment(Plan(environ=SIZE.environ)) as deployment, ThreadPoolExecutor(1) as pool:
        script = Script(SIZE.sessions, length_ms(seconds))
        yield pool.submit(asyncio.run, record(at(deployment.url), script))


def differences(run: Run, calm: History) -> Iterator[str]:
    """Sessions say different things at the same times: they come back the same, but for the words."""
    expected = [_heard(calm, sentence) for sentence in calm.locked]
    for history in run.histories:
        found = [_heard(history, sentence) for sentence in history.locked]
        for number, (one, other) in enumerate(zip_longest(found, expected)):
            if one != other:
                yield f"session {history.script.number}, sentence {number}: {one}, undisturbed {other}"


def _heard(history: History, sentence: Sentence) -> tuple[Window | None, int, int, int, str]:
    """Which part of the audio its text is of; start, end, endpoint and reason."""
    window = Finder(history.script).window_of(sentence.text, sentence.start)
    return window, sentence.start, sentence.end, sentence.endpoint, sentence.reason
