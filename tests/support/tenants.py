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


# What each may have, as it stands in the file.
_MAY_HAVE: Final = {
    "acme": f'origins = ["{PAGE}"]',
    "small": "streams = 1",
    "team": "streams = 5",
    "mute": "audio_seconds_per_minute = 1",
    "quiet": "audio_seconds_per_minute = 6",
    "band": "audio_seconds_per_minute = 12",
}


class Tenants:
    """One for each kind of quota, and `stranger`, whose key is nobody's."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tenants.toml"
        self.keys = {tenant: new_key() for tenant in (*_MAY_HAVE, "stranger")}
        self.issuer = Issuer("in-force")
        self.former_issuer = Issuer("former")
        self.write(self.keys["acme"], self.issuer)

    def write(self, acme_key: str, issuer: Issuer, gone: str | None = None) -> None:
        """All at once, as a file that is being read should be."""
        keys = self.keys | {"acme": acme_key}
        entries = [
            f"[tenants.{tenant}]\n{may_have}\n{_key(tenant, keys[tenant])}"
            for tenant, may_have in _MAY_HAVE.items()
            if tenant != gone
        ]
        new = self.path.with_suffix(".new")
        new.write_text("".join([*entries, f'[tokens]\naudience = "{AUDIENCE}"\n{issuer.toml}']))
        os.replace(new, self.path)

    def token(self, tenant: str = "acme", expires_in_s: float = 600, audience: str = AUDIENCE) -> str:
        return self.issuer.for_tenant(tenant, time.time() + expires_in_s, aud=audience)

    @property
    def secrets(self) -> list[str]:
        return [*self.keys.values(), *(key_digest(key).hex() for key in self.keys.values())]


def _key(tenant: str, key: str) -> str:
    return f'[[tenants.{tenant}.keys]]\nname = "a key"\nsha256 = "{key_digest(key).hex()}"\n'
