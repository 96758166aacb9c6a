from __future__ import annotations

from pathlib import Path

import pytest

from common.audio import SAMPLE_RATE
from common.errors import (
    AudioQuota,
    BadCredentials,
    NoCredentials,
    OriginRefused,
    StreamQuota,
    TokenExpired,
    VoxshardError,
)
from common.origins import parse_origins
from gateway.access.doors import OpenDoors
from gateway.access.keys import new_key
from gateway.connection import Request
from tests.support.doors_rig import (
    FOREIGN,
    ISSUER,
    KEY,
    NOBODY,
    OTHER_KEY,
    PAGE,
    TENANTS,
    UNIX_NOW,
    Rig,
    asking,
    begin,
)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_open_doors_ask_for_nothing_and_count_nothing() -> None:
    doors = OpenDoors(parse_origins([]))
    doors.refresh()
    for request in (asking(), asking("anything"), asking(origin=FOREIGN)):
        allowance = doors.admit(request)
        begin(allowance)
        allowance.hear(1_000 * SAMPLE_RATE)
        allowance.end()
        allowance.go_on()


def test_open_doors_keep_to_the_list_of_origins() -> None:
    doors = OpenDoors(parse_origins([PAGE]))
    doors.admit(asking())
    doors.admit(asking(origin=PAGE))
    with pytest.raises(OriginRefused):
        doors.admit(asking(origin=FOREIGN))


def test_key_and_token_open(rig: Rig) -> None:
    rig.doors.admit(asking(KEY))
    rig.doors.admit(asking(KEY, PAGE))
    rig.doors.admit(asking(ISSUER.for_tenant("acme", UNIX_NOW + 60)))


def test_every_refusal_has_its_error(rig: Rig) -> None:
    rig.refuses(NoCredentials, asking())
    rig.refuses(BadCredentials, asking(new_key()))
    rig.refuses(BadCredentials, asking("a.b.c"))
    rig.refuses(TokenExpired, asking(ISSUER.for_tenant("acme", UNIX_NOW - 60)))
    rig.refuses(BadCredentials, asking(ISSUER.for_tenant("unknown", UNIX_NOW + 60)))
    rig.refuses(OriginRefused, asking(KEY, FOREIGN))
    # Of whose page it is nothing is told to somebody without a key.
    rig.refuses(NoCredentials, asking(origin=FOREIGN))
    begin(rig.doors.admit(asking(KEY)))
    rig.refuses(StreamQuota, asking(KEY))


def test_token_is_refused_where_there_are_none(tmp_path: Path) -> None:
    Rig(tmp_path, "[tenants.acme]").refuses(BadCredentials, asking(ISSUER.for_tenant("acme", UNIX_NOW + 60)))


def test_list_for_everybody_counts_before_the_key(tmp_path: Path) -> None:
    rig = Rig(tmp_path, origins=(PAGE,))
    rig.refuses(OriginRefused, asking(origin=FOREIGN))
    rig.refuses(OriginRefused, asking(OTHER_KEY, FOREIGN))
    rig.doors.admit(asking(OTHER_KEY, PAGE))


def test_stream_counts_from_its_begin_to_its_end(rig: Rig) -> None:
    first, second = rig.doors.admit(asking(KEY)), rig.doors.admit(asking(KEY))
    begin(first)
    with pytest.raises(StreamQuota):
        begin(second)
    second.end()
    with pytest.raises(StreamQuota):
        begin(second)
    first.end()
    first.end()
    begin(second)
    rig.refuses(StreamQuota, asking(KEY))


def test_what_tenants_do_is_counted(rig: Rig) -> None:
    first, second = rig.doors.admit(asking(KEY)), rig.doors.admit(asking(KEY))
    begin(first)
    second.go_on()
    first.hear(SAMPLE_RATE)
    rig.refuses(StreamQuota, asking(KEY))
    assert rig.metric("asr_tenant_sessions", tenant="acme") == 2
    for allowance in (first, first, second):
        allowance.end()
    assert rig.metric("asr_tenant_sessions", tenant="acme") == 0
    assert rig.metric("asr_tenant_audio_seconds_total", tenant="acme") == 1
    assert rig.metric("asr_tenant_refusals_total", tenant="acme", reason="stream_quota") == 1
    assert rig.metric("asr_tenant_sessions", tenant="other") is None


def test_session_that_goes_on_is_not_refused_and_counts(rig: Rig) -> None:
    first, second, third = (rig.doors.admit(asking(KEY)) for _ in range(3))
    begin(first)
    second.go_on()
    first.end()
    with pytest.raises(StreamQuota):
        begin(third)
    second.end()
    rig.changes(NOBODY)
    with pytest.raises(BadCredentials):
        second.go_on()


def test_audio_counts_for_all_streams_of_a_tenant(rig: Rig) -> None:
    allowance = rig.doors.admit(asking(KEY))
    begin(allowance)
    allowance.hear(60 * SAMPLE_RATE)
    with pytest.raises(AudioQuota):
        allowance.hear(1)
    allowance.end()
    rig.refuses(AudioQuota, asking(KEY))
    rig.doors.admit(asking(OTHER_KEY))


def test_audio_outside_a_session_does_not_count(rig: Rig) -> None:
    rig.doors.admit(asking(KEY)).hear(1_000 * SAMPLE_RATE)
    begin(rig.doors.admit(asking(KEY)))


def test_new_quota_counts_for_a_session_that_runs(rig: Rig) -> None:
    allowance = rig.doors.admit(asking(KEY))
    begin(allowance)
    rig.changes(TENANTS.replace("per_minute = 60", "per_minute = 1"))
    with pytest.raises(AudioQuota):
        allowance.hear(2 * SAMPLE_RATE)


def test_tenant_that_is_gone_ends_its_session_and_begins_no_other(rig: Rig) -> None:
    allowance = rig.doors.admit(asking(KEY))
    begin(allowance)
    rig.changes(NOBODY)
    allowance.hear(SAMPLE_RATE)
    allowance.end()
    with pytest.raises(BadCredentials):
        begin(allowance)


def test_who_will_resume_is_let_in_although_all_streams_are_in_use(rig: Rig) -> None:
    begin(rig.doors.admit(asking(KEY)))
    resuming = Request("/", {"resume": "true"}, {"authorization": f"Bearer {KEY}"}, "127.0.0.1:1")
    allowance = rig.doors.admit(resuming)
    # One that has thought better of it is refused all the same.
    with pytest.raises(StreamQuota):
        begin(allowance)
    allowance.go_on()
    rig.refuses(StreamQuota, asking(KEY))


def test_log_names_tenant_and_reason_once_a_minute(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    begin(rig.doors.admit(asking(KEY)))
    for _ in range(3):
        rig.refuses(StreamQuota, asking(KEY))
    rig.refuses(OriginRefused, asking(KEY, FOREIGN))
    logged = [(vars(record)["tenant"], vars(record)["reason"]) for record in caplog.records]
    assert logged == [("acme", "stream_quota"), ("acme", "origin_refused")]
    rig.clock.advance(60)
    rig.refuses(StreamQuota, asking(KEY))
    assert len(caplog.records) == 3


def test_log_says_nothing_of_what_was_asked(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    token = ISSUER.for_tenant("acme", UNIX_NOW - 60)
    for request in (asking(), asking("wrong-key"), asking(token), asking(KEY, FOREIGN)):
        with pytest.raises(VoxshardError) as refused:
            rig.doors.admit(request)
        assert not any(word in refused.value.text for word in ("wrong-key", token, KEY, FOREIGN))
    logged = " ".join(str(vars(record)) for record in caplog.records)
    assert not any(word in logged for word in ("wrong-key", token, KEY, FOREIGN, "call"))
