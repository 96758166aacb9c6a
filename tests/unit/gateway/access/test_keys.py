from __future__ import annotations

import hmac
import re

import pytest

from gateway.access.keys import PREFIX, KeyHash, key_digest, new_key, tenant_of_key

KEYS = [new_key() for _ in range(3)]
KNOWN = [KeyHash(key_digest(key), f"tenant-{number}") for number, key in enumerate(KEYS)]


def test_keys_are_long_random_and_fit_into_a_subprotocol() -> None:
    assert len({new_key() for _ in range(1_000)}) == 1_000
    assert re.fullmatch(PREFIX + r"[A-Za-z0-9_-]{43}", new_key())


@pytest.mark.parametrize("number", range(3))
def test_key_leads_to_its_tenant(number: int) -> None:
    assert tenant_of_key(KEYS[number], KNOWN) == f"tenant-{number}"


@pytest.mark.parametrize(
    "wrong",
    ["", "x", KEYS[0][:-1], KEYS[0] + "x", key_digest(KEYS[0]).hex(), "schlüssel", "\udcff"],
    ids=["empty", "short", "cut", "longer", "its hash", "no ASCII", "no character"],
)
def test_anything_else_leads_to_nobody(wrong: str) -> None:
    assert tenant_of_key(wrong, KNOWN) is None


def test_two_keys_of_one_tenant_are_good_while_they_are_exchanged() -> None:
    old, new = new_key(), new_key()
    known = [KeyHash(key_digest(key), "acme") for key in (old, new)]
    assert tenant_of_key(old, known) == tenant_of_key(new, known) == "acme"
    assert tenant_of_key(old, known[1:]) is None


@pytest.mark.parametrize("presented", [KEYS[0], KEYS[2], "wrong"], ids=["first", "last", "wrong"])
def test_every_hash_is_compared_in_constant_time_whichever_fits(
    presented: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def noting(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return compare(a, b)

    monkeypatch.setattr("gateway.access.keys.hmac.compare_digest", noting)
    tenant_of_key(presented, KNOWN)
    assert compared == [(known.digest, key_digest(presented)) for known in KNOWN]
