from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from common.errors import BadCredentials
from gateway.access.keys import key_digest
from gateway.access.tenants import BadTenants
from gateway.access.tenants_file import LOOK_EVERY_S, TenantsFile
from tests.support.clock import ManualClock
from tests.support.issuer import AUDIENCE, Issuer

OLD, NEW = "vxs_old-key", "vxs_new-key"


def entry(tenant: str, *keys: str) -> str:
    lines = [
        f'{{ name = "{number}", sha256 = "{key_digest(key).hex()}" }}' for number, key in enumerate(keys)
    ]
    return f"[tenants.{tenant}]\nkeys = [{', '.join(lines)}]\n"


class Rig:
    def __init__(self, folder: Path, text: str) -> None:
        self.path = folder / "tenants.toml"
        self.clock = ManualClock()
        self.unix_clock = ManualClock(1_800_000_000.0)
        self.write(text)
        self.file = TenantsFile(self.path, self.clock, self.unix_clock)

    def write(self, text: str) -> None:
        """As it should be done: the whole file at once."""
        new = self.path.with_name("new")
        new.write_text(text, encoding="utf-8")
        os.replace(new, self.path)

    def changes(self, text: str) -> None:
        """The file is another one, and it has been looked at again."""
        self.write(text)
        self.looks()

    def looks(self) -> None:
        self.clock.advance(LOOK_EVERY_S)
        self.file.refresh()

    def owner(self, key: str) -> str | None:
        tenant = self.file.by_key(key)
        return None if tenant is None else tenant.id

    def owner_of_token(self, token: str) -> str | None:
        """Raises `BadCredentials`."""
        verifier = self.file.verifier
        return None if verifier is None else verifier.tenant(token)


def test_keys_are_exchanged_without_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path, entry("acme", OLD))
    assert (rig.owner(OLD), rig.owner(NEW)) == ("acme", None)
    rig.changes(entry("acme", OLD, NEW))
    assert (rig.owner(OLD), rig.owner(NEW)) == ("acme", "acme")
    rig.changes(entry("acme", NEW))
    assert (rig.owner(OLD), rig.owner(NEW)) == (None, "acme")


def test_keys_of_tokens_are_exchanged_without_a_restart(tmp_path: Path) -> None:
    old, new = Issuer("old"), Issuer("new")
    head = f'[tenants.acme]\n[tokens]\naudience = "{AUDIENCE}"\n'
    rig = Rig(tmp_path, "[tenants.acme]")
    tokens = [issuer.for_tenant("acme", rig.unix_clock.now() + 60) for issuer in (old, new)]
    assert [rig.owner_of_token(token) for token in tokens] == [None, None]
    rig.changes(head + old.toml + new.toml)
    assert [rig.owner_of_token(token) for token in tokens] == ["acme", "acme"]
    rig.changes(head + new.toml)
    with pytest.raises(BadCredentials):
        rig.owner_of_token(tokens[0])
    assert rig.owner_of_token(tokens[1]) == "acme"


def test_tenants_are_found_by_id(tmp_path: Path) -> None:
    rig = Rig(tmp_path, entry("acme", OLD))
    assert rig.file.by_id("acme") == rig.file.by_key(OLD)
    assert rig.file.by_id("other") is None


def test_file_is_looked_at_every_few_seconds_and_read_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path, entry("acme", OLD))
    rig.write(entry("acme", NEW))
    rig.clock.advance(LOOK_EVERY_S - 0.1)
    rig.file.refresh()
    assert rig.owner(NEW) is None
    rig.clock.advance(0.1)
    rig.file.refresh()
    assert rig.owner(NEW) == "acme"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("it has not changed"))
    rig.looks()


@pytest.mark.parametrize("content", [b"[tenants", b"\xff\xfe", b"[tenants.acme]\nstreams = 0", None])
def test_unusable_file_is_logged_once_and_leaves_the_former_one_in_force(
    content: bytes | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(tmp_path, entry("acme", OLD))
    rig.path.unlink() if content is None else rig.path.write_bytes(content)
    for _ in range(3):
        rig.looks()
    assert rig.owner(OLD) == "acme"
    [record] = caplog.records
    assert record.levelno == logging.ERROR and "tenants.toml: " in vars(record)["cause"]
    rig.changes(entry("acme", NEW))
    assert rig.owner(NEW) == "acme"


@pytest.mark.parametrize("content", [b"[tenants", b"\xff\xfe", None])
def test_unusable_file_at_the_start_is_an_error_that_names_it(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "tenants.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadTenants, match=r"tenants\.toml: "):
        TenantsFile(path, ManualClock(), ManualClock())


def test_file_that_may_not_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(BadTenants, match="Is a directory"):
        TenantsFile(tmp_path, ManualClock(), ManualClock())


def test_bad_key_of_tokens_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text('[tokens]\naudience = "a"\nkeys = [{ kid = "k", algorithm = "HS256", key = "short" }]')
    with pytest.raises(BadTenants, match=r"tenants\.toml: tokens: key k is too short"):
        TenantsFile(path, ManualClock(), ManualClock())
