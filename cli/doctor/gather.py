"""All probes at once, each on a thread of its own and for a limited time: the doctor never hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from cli.doctor.finding import Cause, Finding
from common.settings import Settings

Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True)
class Topic(Generic[Facts]):
    """`probe` gathers facts, within `limit_s`; `check` says what is wrong with them. `probe` returns None
    where there is nothing to be looked at."""

    name: str
    probe: Callable[[Settings], Facts | None]
    check: Callable[[Settings, Facts], Iterable[Finding]]
    limit_s: float = 5.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """`error`: what the probe has raised instead of giving facts."""

    topic: Topic[Any]
    facts: Any = None
    error: Exception | None = None


def examine(settings: Settings, topics: Sequence[Topic[Any]]) -> list[Finding]:
    """What is wrong, in the order of topics. Takes as long as the longest limit at most."""
    answers: SimpleQueue[_Answer] = SimpleQueue()
    began = time.monotonic()
    for topic in topics:
        # Daemons: one that hangs in the file system or in a driver does not keep the process.
        threading.Thread(target=_ask, args=(topic, settings, answers), name=topic.name, daemon=True).start()
    came: dict[str, _Answer] = {}
    for topic in sorted(topics, key=lambda each: each.limit_s):
        _wait(came, topic, answers, began + topic.limit_s)
    return [finding for topic in topics for finding in _judged(settings, topic, came.get(topic.name))]


def _ask(topic: Topic[Any], settings: Settings, answers: SimpleQueue[_Answer]) -> None:
    try:
        answers.put(_Answer(topic, topic.probe(settings)))
    # Broad: whatever goes wrong in one probe, the others are still worth hearing.
    except Exception as error:
        answers.put(_Answer(topic, error=error))


def _wait(came: dict[str, _Answer], topic: Topic[Any], answers: SimpleQueue[_Answer], until: float) -> None:
    while topic.name not in came:
        try:
            answer = answers.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            return
        came[answer.topic.name] = answer


def _judged(settings: Settings, topic: Topic[Any], answer: _Answer | None) -> Iterable[Finding]:
    if answer is None:
        return [
            Finding(
                Cause.PROBE_STUCK,
                f"looking at {topic.name} took longer than {topic.limit_s:g} s",
                "something there hangs: a file system, a driver, a name server; a start would hang, too",
                "look at `dmesg` and at what the settings name; then run the doctor again",
            )
        ]
    if answer.error is not None:
        return [
            Finding(
                Cause.PROBE_FAILED,
                f"{topic.name} could not be looked at: {type(answer.error).__name__}: {answer.error}",
                "what is wrong there is not known",
                "report this with the output of `voxshard doctor --json`",
            )
        ]
    return [] if answer.facts is None else topic.check(settings, answer.facts)
