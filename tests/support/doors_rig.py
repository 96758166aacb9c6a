"""Doors with two tenants, whatever counts their quotas, and requests to come in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from common.clock import Clock
from common.errors import VoxshardError
from common.origins import parse_origins
from gateway.access.doors import Allowance, TenantDoors
from gateway.access.keys import key_digest, new_key
from gateway.access.tenants_file import LOOK_EVERY_S, TenantsFile
from gateway.connection import Request
from gateway.quotas.base import Quotas
from gateway.quotas.memory import MemoryQuotas
from gateway.quotas.shared import SharedQuotas
from gateway.tenant_metrics import TenantMetrics
from tests.support.clock import ManualClock
from tests.support.issuer import AUDIENCE, Issuer

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
        self.series = CollectorRegistry()
        metrics = TenantMetrics(self.series, "0")
        self.doors = TenantDoors(file, parse_origins(origins), self._quotas, self.clock, metrics)

    @property
    def shared(self) -> SharedQuotas:
        assert isinstance(self._quotas, SharedQuotas)
        return self._quotas

    def changes(self, tenants: str) -> None:
        self.path.write_text(tenants)
        self.clock.advance(LOOK_EVERY_S)
        self.doors.refresh()

    def metric(self, name: str, **labels: str) -> float | None:
        return self.series.get_sample_value(name, {"gateway": "0", **labels})

    def refuses(self, error: type[VoxshardError], request: Request) -> None:
        with pytest.raises(error):
            self.doors.admit(request)
