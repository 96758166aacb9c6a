from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from common.audio import SAMPLE_RATE
from common.clock import Clock
from common.errors import (
    AudioQuota,
    BadCredentials,
    NoCredentials,
    NoWorker,
    OriginRefused,
    StreamQuota,
    TokenExpired,
    VoxshardError,
)
from gateway.access.doors import Allowance, OpenDoors, TenantDoors
from gateway.access.keys import key_digest, new_key
from gateway.access.origins import parse_origins
from gateway.access.tenants_file import LOOK_EVERY_S, TenantsFile
from gateway.connection import Request
from gateway.quotas.base import Quotas
from gateway.quotas.memory import MemoryQuotas
from gateway.quotas.shared import SharedQuotas
from tests.support.aio import run
from tests.support.clock import ManualClock
from tests.support.issuer import AUDIENCE, Issuer
from tests.support.use_tables import Gateway, UseModel

KEY, OTHER_KEY = new_key(), new_key()
ISSUER = Issuer("2026-11")
PAGE, FOREIGN = "https://app.acme.example", "https://evil.example"
UNIX_NOW = 1_800_000_000.0
NOBODY = f"""
[tokens]
audience = "{AUDIENCE}"
{ISSUER.toml}"""
TENANTS = f"""
[tenants.acme]
streams = 1
audio_seconds_per_minute = 60
origins = ["{PAGE}"]
keys = [{{ name = "a", sha256 = "{key_digest(KEY).hex()}" }}]
[tenants.other]
keys = [{{ name = "a", sha256 = "{key_digest(OTHER_KEY).hex()}" }}]
{NOBODY}"""


def asking(credential: str | None = None, origin: str | None = None) -> Request:
    named = {"authorization": credential and f"Bearer {credential}", "origin": origin}
    headers = {name: value for name, value in named.items() if value is not None}
    return Request("/", {"session_id": "call"}, headers, "127.0.0.1:1")


class Session:
    """What one session of an allowance is told; `raises`: what it answers to its being granted."""

    def __init__(self, allowance: Allowance, raises: Exception | None = None) -> None:
        self.told: list[str] = []
        self._raises = raises
        allowance.begin(self._granted, self._refused)

    def _granted(self) -> None:
        self.told.append("granted")
        if self._raises is not None:
            raise self._raises

    def _refused(self, error: VoxshardError) -> None:
        self.told.append(error.code)


def begin(allowance: Allowance) -> None:
    """A session that is granted at once."""
    assert Session(allowance).told == ["granted"]


class Rig:
    def __init__(
        self,
        folder: Path,
        tenants: str = TENANTS,
        origins: tuple[str, ...] = (),
        quotas: Callable[[Clock], Quotas] = MemoryQuotas,
    ) -> None:
        self.path = folder / "tenants.toml"
        self.path.write_text(tenants)
        self.clock = ManualClock()
        file = TenantsFile(self.path, self.clock, ManualClock(UNIX_NOW))
        self._quotas = quotas(self.clock)
        self.doors = TenantDoors(file, parse_origins(origins), self._quotas, self.clock)

    @property
    def shared(self) -> SharedQuotas:
        assert isinstance(self._quotas, SharedQuotas)
        return self._quotas

    def changes(self, tenants: str) -> None:
        self.path.write_text(tenants)
        self.clock.advance(LOOK_EVERY_S)
        self.doors.refresh()

    def refuses(self, error: type[VoxshardError], request: Request) -> None:
        with pytest.raises(error):
            self.doors.admit(request)


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
