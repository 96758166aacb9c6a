"""The tenants file as it is now: read again when it has changed, so that keys change without a restart."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from common.clock import Clock
from gateway.access.keys import tenant_of_key
from gateway.access.tenants import BadTenants, Tenant, Tenants, TokenRules, parse_tenants

log = logging.getLogger(__name__)

# How long a key that was taken out may still be good.
LOOK_EVERY_S: Final = 2.0

_Seen = tuple[int, int, int]


class Verifier(Protocol):
    def tenant(self, token: str) -> str:
        """Raises `BadCredentials`, `TokenExpired`."""
        ...


class TenantsFile:
    """`unix_clock` is for the times that stand in tokens. Raises `BadTenants`."""

    def __init__(self, path: Path, clock: Clock, unix_clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._unix_clock = unix_clock
        self._looked_at = clock.now()
        self._seen = self._look()
        self._tenants, self._verifier = self._read()

    def by_id(self, tenant: str) -> Tenant | None:
        return self._tenants.by_id.get(tenant)

    def by_key(self, key: str) -> Tenant | None:
        owner = tenant_of_key(key, self._tenants.keys)
        return None if owner is None else self._tenants.by_id[owner]

    @property
    def verifier(self) -> Verifier | None:
        """Of tokens; None if there are none."""
        return self._verifier

    def refresh(self) -> None:
        """To be called a few times a second. A file that cannot be used leaves the former one in force."""
        now = self._clock.now()
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._tenants, self._verifier = self._read()
            log.info("tenants file read", extra={"tenants": len(self._tenants.by_id)})
        except BadTenants as error:
            log.error("tenants file cannot be used, the former one stays", extra={"cause": str(error)})

    def _look(self) -> _Seen | None:
        """Another one once the file is another; None if it cannot be found."""
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _read(self) -> tuple[Tenants, Verifier | None]:
        try:
            tenants = parse_tenants(self._path.read_text(encoding="utf-8"))
            return tenants, None if tenants.tokens is None else _verifier(
                tenants.tokens, self._unix_clock.now
            )
        except OSError as error:
            raise self._bad(error.strerror or "cannot be read") from None
        except UnicodeDecodeError:
            raise self._bad("not UTF-8") from None
        except BadTenants as error:
            raise self._bad(str(error)) from None

    def _bad(self, cause: str) -> BadTenants:
        return BadTenants(f"{self._path}: {cause}")


def _verifier(rules: TokenRules, unix_now: Callable[[], float]) -> Verifier:
    # Here and not above: who has no tokens need not wait for the cryptography behind them.
    from gateway.access.tokens import TokenVerifier  # noqa: PLC0415

    return TokenVerifier(rules, unix_now)
