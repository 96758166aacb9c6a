"""A tenants file for a real gateway, with all that may be right or wrong about a client."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from gateway.access.keys import key_digest, new_key
from tests.support.issuer import AUDIENCE, Issuer

PAGE: Final = "https://app.example"
FOREIGN: Final = "https://evil.example"


class Tenants:
    """`small` may have one stream, `team` five; `quiet` six seconds of audio a minute, `band` twelve; `acme`
    anything."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tenants.toml"
        self.keys = {tenant: new_key() for tenant in ("acme", "small", "team", "quiet", "band", "stranger")}
        self.issuer = Issuer("in-force")
        self.former_issuer = Issuer("former")
        self.write(self.keys["acme"], self.issuer)

    def write(self, acme_key: str, issuer: Issuer) -> None:
        """All at once, as a file that is being read should be."""
        new = self.path.with_suffix(".new")
        new.write_text(
            f'[tenants.acme]\norigins = ["{PAGE}"]\n{_entry("acme", acme_key)}'
            f"[tenants.small]\nstreams = 1\n{_entry('small', self.keys['small'])}"
            f"[tenants.team]\nstreams = 5\n{_entry('team', self.keys['team'])}"
            f"[tenants.quiet]\naudio_seconds_per_minute = 6\n{_entry('quiet', self.keys['quiet'])}"
            f"[tenants.band]\naudio_seconds_per_minute = 12\n{_entry('band', self.keys['band'])}"
            f'[tokens]\naudience = "{AUDIENCE}"\n{issuer.toml}'
        )
        os.replace(new, self.path)

    def token(self, tenant: str = "acme", expires_in_s: float = 600, audience: str = AUDIENCE) -> str:
        return self.issuer.for_tenant(tenant, time.time() + expires_in_s, aud=audience)

    @property
    def secrets(self) -> list[str]:
        return [*self.keys.values(), *(key_digest(key).hex() for key in self.keys.values())]


def _entry(tenant: str, key: str) -> str:
    return f'[[tenants.{tenant}.keys]]\nname = "a key"\nsha256 = "{key_digest(key).hex()}"\n'
