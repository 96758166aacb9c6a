"""The tenants file: who there is, their keys as hashes, their quotas and origins, whose tokens count. Pure.

[tenants.acme]
streams = 50                        # at a time
audio_seconds_per_minute = 3000
origins = ["https://app.acme.example"]

[[tenants.acme.keys]]
name = "phones"
sha256 = "..."                      # `voxshard key new acme` prints these

[tokens]
audience = "voxshard"

[[tokens.keys]]
kid = "2026-11"
algorithm = "ES256"
key = '''-----BEGIN PUBLIC KEY----- ...'''
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from common.origins import NotAnOrigin, Origins, parse_origins
from gateway.access.keys import KeyHash

# No dots and blanks, so that it is a table's name in the file without quotes.
_ID: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_TenantId = Annotated[str, msgspec.Meta(pattern=rf"\A{_ID}\Z")]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Algorithm = Literal["HS256", "RS256", "ES256", "EdDSA"]
# A clock that is a little late is no reason to refuse somebody, one that is minutes late is.
_LEEWAY_S: Final = 10.0


class BadTenants(Exception):
    """The tenants file cannot be used; the message says where and why, and repeats no value of the file."""


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class ApiKey(_Record, frozen=True):
    name: _Name
    sha256: _Sha256


class TokenKey(_Record, frozen=True):
    """What tokens with this `kid` are signed with: a public key as PEM, or the secret of HS256."""

    kid: _Name
    algorithm: Algorithm
    key: str


class TokenRules(_Record, frozen=True):
    """`tenant_claim`: the claim that names the tenant."""

    audience: _Name
    keys: Annotated[tuple[TokenKey, ...], msgspec.Meta(min_length=1)]
    issuer: str | None = None
    tenant_claim: _Name = "tenant"
    leeway_s: Annotated[float, msgspec.Meta(ge=0, le=300)] = _LEEWAY_S


class _TenantEntry(_Record, frozen=True):
    keys: tuple[ApiKey, ...] = ()
    streams: Annotated[int, msgspec.Meta(ge=1)] | None = None
    audio_seconds_per_minute: Annotated[float, msgspec.Meta(gt=0)] | None = None
    origins: tuple[str, ...] = ()


class _File(_Record, frozen=True):
    tenants: dict[_TenantId, _TenantEntry] = {}
    tokens: TokenRules | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """No quota where it is None, any origin where there is none."""

    id: str
    streams: int | None = None
    audio_seconds_per_minute: float | None = None
    origins: Origins = frozenset()


@dataclass(frozen=True, slots=True)
class Tenants:
    by_id: dict[str, Tenant]
    keys: tuple[KeyHash, ...]
    tokens: TokenRules | None


def is_tenant_id(text: str) -> bool:
    return re.fullmatch(_ID, text) is not None


def parse_tenants(text: str) -> Tenants:
    """Raises `BadTenants`."""
    try:
        file = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadTenants(str(error)) from None
    keys = tuple(
        KeyHash(bytes.fromhex(key.sha256), tenant)
        for tenant, entry in file.tenants.items()
        for key in entry.keys
    )
    _require_different("two keys have the same hash", [key.digest for key in keys])
    if file.tokens is not None:
        _require_different("two keys of tokens have the same kid", [key.kid for key in file.tokens.keys])
    return Tenants({name: _tenant(name, entry) for name, entry in file.tenants.items()}, keys, file.tokens)


def _tenant(name: str, entry: _TenantEntry) -> Tenant:
    try:
        origins = parse_origins(entry.origins)
    except NotAnOrigin as error:
        raise BadTenants(f"tenant {name}: {error}") from None
    return Tenant(name, entry.streams, entry.audio_seconds_per_minute, origins)


def _require_different(otherwise: str, values: Sequence[object]) -> None:
    if len(set(values)) < len(values):
        raise BadTenants(otherwise)
