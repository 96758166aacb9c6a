from __future__ import annotations

import pytest

from gateway.access.keys import KeyHash, key_digest
from gateway.access.tenants import BadTenants, Tenant, TokenKey, is_tenant_id, parse_tenants

FILE = f"""
[tenants.acme]
streams = 50
audio_seconds_per_minute = 3000
origins = ["https://App.acme.example"]

[[tenants.acme.keys]]
name = "phones"
sha256 = "{key_digest("one").hex()}"

[[tenants.acme.keys]]
name = "phones, from December on"
sha256 = "{key_digest("two").hex()}"

[tenants.free]

[tokens]
audience = "voxshard"

[[tokens.keys]]
kid = "2026-11"
algorithm = "HS256"
key = "SECRET"
"""


def test_file_tells_tenants_keys_and_whose_tokens_count() -> None:
    tenants = parse_tenants(FILE)
    assert tenants.by_id == {
        "acme": Tenant("acme", 50, 3000, frozenset({"https://app.acme.example"})),
        "free": Tenant("free"),
    }
    assert tenants.keys == (KeyHash(key_digest("one"), "acme"), KeyHash(key_digest("two"), "acme"))
    assert tenants.tokens is not None
    assert tenants.tokens.keys == (TokenKey("2026-11", "HS256", "SECRET"),)
    assert (tenants.tokens.audience, tenants.tokens.tenant_claim) == ("voxshard", "tenant")


def test_empty_file_has_no_tenants() -> None:
    tenants = parse_tenants("")
    assert (tenants.by_id, tenants.keys, tenants.tokens) == ({}, (), None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[tenants", "end of document"),
        ("[tenant.acme]", "unknown field `tenant`"),
        ("[tenants.acme]\nstream = 1", "unknown field `stream`"),
        ("[tenants.acme]\nstreams = 0", ">= 1"),
        ("[tenants.acme]\naudio_seconds_per_minute = 0", "> 0"),
        ('[tenants."a.b"]', "matching regex"),
        ('[tenants.acme]\norigins = ["acme.example"]', "tenant acme: not an origin"),
        ('[[tenants.acme.keys]]\nname = "a"\nsha256 = "SECRET"', "matching regex"),
        ('[[tenants.acme.keys]]\nsha256 = "' + "0" * 64 + '"', "missing required field `name`"),
        ('[tokens]\naudience = "x"', "missing required field `keys`"),
        ('[tokens]\naudience = "x"\nkeys = []', "length >= 1"),
        ('[tokens]\nkeys = [{ kid = "a", algorithm = "HS256", key = "SECRET" }]', "field `audience`"),
        (
            '[tokens]\naudience = "x"\nkeys = [{ kid = "a", algorithm = "none", key = "SECRET" }]',
            "Invalid enum value",
        ),
    ],
)
def test_mistakes_are_named_without_repeating_a_secret(text: str, complaint: str) -> None:
    with pytest.raises(BadTenants, match=complaint) as refused:
        parse_tenants(text)
    assert "SECRET" not in str(refused.value)


def test_one_hash_has_one_owner() -> None:
    entry = 'keys = [{ name = "a", sha256 = "' + "0" * 64 + '" }]'
    with pytest.raises(BadTenants, match="same hash"):
        parse_tenants(f"[tenants.one]\n{entry}\n[tenants.two]\n{entry}")


def test_one_kid_has_one_key() -> None:
    key = '{ kid = "a", algorithm = "HS256", key = "b" }'
    with pytest.raises(BadTenants, match="same kid"):
        parse_tenants(f'[tokens]\naudience = "x"\nkeys = [{key}, {key}]')


@pytest.mark.parametrize(("text", "is_one"), [("acme-2_b", True), ("", False), ("-a", False), ("a.b", False)])
def test_ids_are_plain_words(text: str, is_one: bool) -> None:
    assert is_tenant_id(text) is is_one
