from __future__ import annotations

import logging

import pytest

from common.events import Degraded
from gateway.absence import DRAIN, LINK, Absence
from tests.support.relay_rig import PATIENCE_S, RelayRig


@pytest.fixture
def rig() -> RelayRig:
    """Its own relay has nothing to say here."""
    return RelayRig()


@pytest.fixture
def absence(rig: RelayRig) -> Absence:
    return Absence("call", rig.client, rig.services)


def test_the_time_without_a_worker_is_measured(rig: RelayRig, absence: Absence) -> None:
    absence.begins(LINK, "0", 160)
    rig.clock.advance(2.0)
    absence.ends()
    assert rig.client.moved == [(LINK, "0", 160)]
    assert rig.metric("asr_session_moves_total", reason=LINK) == 1
    assert rig.metric("asr_session_move_seconds_sum", waited="no") == 2.0


def test_the_first_worker_is_no_move(rig: RelayRig, absence: Absence) -> None:
    absence.ends()
    assert rig.metric("asr_session_move_seconds_count", waited="no") == 0


def test_who_waits_is_told_once_and_has_waited_from_then_on(rig: RelayRig, absence: Absence) -> None:
    assert not absence.is_too_long(rig.clock.now() + 10 * PATIENCE_S)
    absence.begins(LINK, "0", 0)
    absence.waits()
    rig.clock.advance(PATIENCE_S)
    absence.waits()
    assert rig.client.told == [Degraded(round(PATIENCE_S))]
    assert not absence.is_too_long(rig.clock.now())
    assert absence.is_too_long(rig.clock.now() + 0.1)


def test_the_next_absence_begins_anew(rig: RelayRig, absence: Absence) -> None:
    absence.begins(LINK, "0", 0)
    absence.waits()
    absence.ends()
    assert not absence.is_too_long(rig.clock.now() + 10 * PATIENCE_S)
    absence.begins(LINK, "1", 0)
    absence.ends()
    counts = [rig.metric("asr_session_move_seconds_count", waited=waited) for waited in ("yes", "no")]
    assert counts == [1, 1]


@pytest.mark.parametrize(
    ("why", "level"), [(LINK, logging.DEBUG), (DRAIN, logging.DEBUG), ("engine_failed", logging.INFO)]
)
def test_a_worker_that_ends_is_not_told_of_by_each_of_its_sessions(
    absence: Absence, caplog: pytest.LogCaptureFixture, why: str, level: int
) -> None:
    caplog.set_level(logging.DEBUG)
    absence.begins(why, "0", 0)
    assert [(record.levelno, record.message) for record in caplog.records] == [(level, "session moves")]
