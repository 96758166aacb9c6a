"""API keys: made at random, kept as hashes, compared in constant time. Pure but for the randomness."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# So that scanners for leaked secrets, and people, know one when they see one.
PREFIX: Final = "vxs_"
_RANDOM_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class KeyHash:
    """What is kept of a key: SHA-256 of the whole key, and whose it is."""

    digest: bytes
    tenant: str


def new_key() -> str:
    """256 random bits in letters, digits, `-` and `_`, so that it also fits into a WebSocket subprotocol."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def key_digest(key: str) -> bytes:
    """A plain hash will do: the slow, salted ones are for passwords, which can be guessed. 256 random bits
    cannot, and a slow hash would let anybody keep the gateway busy."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def tenant_of_key(key: str, known: Iterable[KeyHash]) -> str | None:
    """Whose key it is. Takes as long whether none of the known ones fits, the first or the last."""
    digest = key_digest(key)
    found: str | None = None
    for candidate in known:
        if hmac.compare_digest(candidate.digest, digest):
            found = candidate.tenant
    return found
