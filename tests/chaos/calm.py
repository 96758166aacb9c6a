"""One session that nothing happens to, beside a run: what the sessions of the run have to come back as."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from tests.chaos.conduct import at, length_ms
from tests.chaos.figures import Run
from tests.chaos.history import History, Sentence
from tests.chaos.provenance import Finder
from tests.chaos.recorder import record
from tests.chaos.script import Script
from tests.chaos.size import SIZE
from tests.support.processes import Deployment, Plan

_HOPS_MS: Final = 100
"""Three hops: the detector hears the marks by which sessions differ, too; speech may begin so much later."""


@contextmanager
def calm_session(seconds: float) -> Iterator[Future[History]]:
    """The first session of a run with so many seconds of trouble, in a deployment of its own."""
    with Deployment(Plan(environ=SIZE.environ)) as deployment, ThreadPoolExecutor(1) as pool:
        script = Script(0, length_ms(seconds))
        yield pool.submit(asyncio.run, record(at(deployment.url), script))


def differences(run: Run, calm: History) -> Iterator[str]:
    """The session itself comes back to the letter; the others, which say other things at the same times, come
    back the same but for the words."""
    same = next(history for history in run.histories if history.script == calm.script)
    if same.locked != calm.locked:
        yield f"session {same.script.number}: {same.locked}, undisturbed {calm.locked}"
    expected = [_heard(calm, sentence) for sentence in calm.locked]
    for history in run.histories:
        found = [_heard(history, sentence) for sentence in history.locked]
        for number, (one, other) in enumerate(zip_longest(found, expected)):
            if one is None or other is None or not one.is_like(other):
                yield f"session {history.script.number}, sentence {number}: {one}, undisturbed {other}"


@dataclass(frozen=True, slots=True)
class _Heard:
    """`times`: where its text was heard from and to, its start, end and endpoint."""

    times: tuple[int, ...]
    reason: str

    def is_like(self, other: _Heard) -> bool:
        pairs = zip_longest(self.times, other.times, fillvalue=-_HOPS_MS)
        return self.reason == other.reason and all(abs(one - other) < _HOPS_MS for one, other in pairs)


def _heard(history: History, sentence: Sentence) -> _Heard:
    window = Finder(history.script).window_of(sentence.text, sentence.start)
    heard = () if window is None else (window.start_ms, window.end_ms)
    return _Heard((sentence.start, sentence.end, sentence.endpoint, *heard), sentence.reason)
