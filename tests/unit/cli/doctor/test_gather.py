from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from cli.doctor.finding import Cause, Finding
from cli.doctor.gather import Topic, examine
from common.settings import Settings, load_settings

SETTINGS = load_settings({"workers": 3}, {})
FINDING = Finding(Cause.DISK_FULL, "found", "means", "do")


def tells(settings: Settings, facts: str) -> Iterator[Finding]:
    yield Finding(Cause.PORT_TAKEN, f"{facts} of {settings.workers}", "means", "do")


def topic(facts: str | None) -> Topic[str]:
    return Topic(facts or "nothing", lambda _: facts, tells)


def test_checks_hear_the_facts_and_are_told_in_the_order_of_topics() -> None:
    assert [told.found for told in examine(SETTINGS, [topic("b"), topic("a")])] == ["b of 3", "a of 3"]


def test_where_there_is_nothing_to_look_at_nothing_is_told() -> None:
    assert examine(SETTINGS, [topic(None)]) == []


def test_a_probe_that_raises_is_a_finding_and_the_others_are_heard() -> None:
    def raises(_: Settings) -> str:
        raise ValueError("not as it should be")

    broken, well = examine(SETTINGS, [Topic("the card", raises, tells), topic("a")])
    assert broken.cause is Cause.PROBE_FAILED
    assert broken.found == "the card could not be looked at: ValueError: not as it should be"
    assert well.found == "a of 3"


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_probes_that_hang_do_so_side_by_side_and_no_longer_than_they_may(release: threading.Event) -> None:
    over: list[str] = []

    def hangs(_: Settings) -> str:
        release.wait(30)
        over.append("late")
        return over[-1]

    stuck = [Topic(f"disk {number}", hangs, tells, limit_s=0.2) for number in range(3)]
    *hung, well = examine(SETTINGS, [*stuck, topic("a")])
    assert over == [], "nobody has waited for them"
    assert [told.cause for told in hung] == [Cause.PROBE_STUCK] * 3
    assert hung[0].found == "looking at disk 0 took longer than 0.2 s"
    assert well.found == "a of 3"
