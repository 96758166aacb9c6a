"""A gateway whose quotas others count as well: sessions wait for their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import NoWorker
from common.origins import parse_origins
from gateway.access.doors import OpenDoors
from tests.support.aio import run
from tests.support.doors_rig import KEY, Rig, Session, asking
from tests.support.use_tables import Gateway, UseModel


@pytest.fixture
def asking_others(tmp_path: Path) -> Rig:
    """A gateway whose table answers when it is settled."""
    rig = Rig(tmp_path, quotas=lambda clock: Gateway(UseModel(clock), "ada").quotas)
    run(rig.shared.beat())
    return rig


def test_session_waits_for_its_place_and_is_granted_or_refused(asking_others: Rig) -> None:
    allowances = [asking_others.doors.admit(asking(KEY)) for _ in range(2)]
    first, second = map(Session, allowances)
    assert (first.told, second.told) == ([], [])
    run(asking_others.shared.settle())
    assert (first.told, second.told) == (["granted"], ["stream_quota"])
    assert asking_others.metric("asr_tenant_sessions", tenant="acme") == 1
    # As a connection does that is closed for it.
    allowances[1].end()
    allowances[0].end()
    third = Session(allowances[1])
    run(asking_others.shared.settle())
    assert third.told == ["granted"]


def test_session_that_ends_while_it_waits_hears_nothing_more(asking_others: Rig) -> None:
    allowance = asking_others.doors.admit(asking(KEY))
    gone = Session(allowance)
    allowance.end()
    following = Session(asking_others.doors.admit(asking(KEY)))
    run(asking_others.shared.settle())
    assert (gone.told, following.told) == ([], ["granted"])


def test_what_a_session_raises_when_it_is_granted_is_told_to_it(asking_others: Rig) -> None:
    allowance = asking_others.doors.admit(asking(KEY))
    session = Session(allowance, raises=NoWorker())
    run(asking_others.shared.settle())
    assert session.told == ["granted", "no_worker"]
    allowance.end()
    broken = Session(allowance, raises=RuntimeError())
    run(asking_others.shared.settle())
    assert broken.told == ["granted", "internal"]


def test_refusal_after_a_wait_is_in_the_log(asking_others: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for _ in range(2):
        Session(asking_others.doors.admit(asking(KEY)))
    run(asking_others.shared.settle())
    assert [vars(record)["reason"] for record in caplog.records] == ["stream_quota"]


def test_what_runs_beside_are_the_quotas(tmp_path: Path) -> None:
    run(Rig(tmp_path).doors.run())
    run(OpenDoors(parse_origins([])).run())
