from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from common.errors import BadCredentials, TokenExpired
from gateway.access.tenants import BadTenants, TokenKey, TokenRules
from gateway.access.tokens import TokenVerifier
from tests.support.clock import ManualClock
from tests.support.issuer import AUDIENCE, Issuer

NOW = 1_800_000_000.0
LEEWAY_S = 10.0
OLD, NEW, STRANGER = Issuer("old"), Issuer("new"), Issuer("new")


def verifier(*issuers: Issuer, clock: ManualClock | None = None, **rules: Any) -> TokenVerifier:
    keys = tuple(TokenKey(issuer.kid, issuer.algorithm, issuer.key) for issuer in issuers)  # type: ignore[arg-type]
    return TokenVerifier(
        TokenRules(AUDIENCE, keys, leeway_s=LEEWAY_S, **rules), (clock or ManualClock(NOW)).now
    )


def claims(**changed: Any) -> dict[str, Any]:
    """Good ones with changes; None leaves a claim out."""
    all_claims = {"tenant": "acme", "aud": AUDIENCE, "exp": NOW + 60} | changed
    return {name: value for name, value in all_claims.items() if value is not None}


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_token_leads_to_its_tenant(algorithm: str) -> None:
    issuer = Issuer("key", algorithm)
    assert verifier(issuer).tenant(issuer.for_tenant("acme", NOW + 60)) == "acme"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": None},
        {"aud": "another service"},
        {"aud": 5},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("inf")},
        {"nbf": NOW + 60},
        {"nbf": "soon"},
        {"tenant": None},
        {"tenant": ["acme"]},
    ],
)
def test_token_with_other_claims_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(BadCredentials):
        verifier(NEW).tenant(NEW.token(claims(**changed)))


def test_token_may_be_for_several_services() -> None:
    assert verifier(NEW).tenant(NEW.token(claims(aud=["another", AUDIENCE], nbf=NOW, iat=NOW))) == "acme"


def test_token_expires_by_the_clock_with_some_leeway() -> None:
    clock = ManualClock(NOW)
    checking, token = verifier(NEW, clock=clock), NEW.for_tenant("acme", NOW + 60)
    clock.advance(60 + LEEWAY_S - 0.1)
    assert checking.tenant(token) == "acme"
    clock.advance(0.1)
    with pytest.raises(TokenExpired):
        checking.tenant(token)


def test_both_keys_count_while_they_are_exchanged_and_then_one() -> None:
    token = OLD.for_tenant("acme", NOW + 60)
    assert verifier(OLD, NEW).tenant(token) == "acme"
    assert verifier(OLD, NEW).tenant(NEW.for_tenant("acme", NOW + 60)) == "acme"
    with pytest.raises(BadCredentials):
        verifier(NEW).tenant(token)


@pytest.mark.parametrize("header", [{}, {"kid": "unknown"}, {"kid": "old"}])
def test_token_is_checked_with_the_key_that_it_names(header: dict[str, Any]) -> None:
    with pytest.raises(BadCredentials):
        verifier(OLD, NEW).tenant(NEW.token(claims(), header))


def test_signature_of_somebody_else_is_refused() -> None:
    with pytest.raises(BadCredentials):
        verifier(NEW).tenant(STRANGER.for_tenant("acme", NOW + 60))


def test_expired_token_of_somebody_else_is_only_called_bad() -> None:
    with pytest.raises(BadCredentials):
        verifier(NEW).tenant(STRANGER.for_tenant("acme", NOW - 600))


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_token_cannot_choose_its_algorithm(algorithm: str) -> None:
    header, body, _ = NEW.for_tenant("acme", NOW + 60).split(".")
    chosen = json.dumps({"alg": algorithm, "kid": "new"}).encode()
    forged = base64.urlsafe_b64encode(chosen).decode().rstrip("=")
    for signature in ("", header):
        with pytest.raises(BadCredentials):
            verifier(NEW).tenant(f"{forged}.{body}.{signature}")


@pytest.mark.parametrize(
    "text",
    ["", "..", "a.b.c", "e30.e30.", "\xff.\xff.\xff", "\udcff.\udcff.\udcff", "ey" + "A" * 9_000 + ".."],
)
def test_nonsense_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(BadCredentials) as refused:
        verifier(NEW).tenant(text)
    assert refused.value.__suppress_context__
    assert refused.value.text == BadCredentials.message


def test_issuer_counts_if_one_is_named() -> None:
    strict = verifier(NEW, issuer="https://login.example")
    assert strict.tenant(NEW.token(claims(iss="https://login.example"))) == "acme"
    for other in (None, "https://evil.example"):
        with pytest.raises(BadCredentials):
            strict.tenant(NEW.token(claims(iss=other)))


def test_tenant_may_stand_in_another_claim() -> None:
    assert verifier(NEW, tenant_claim="sub").tenant(NEW.token(claims(tenant=None, sub="acme"))) == "acme"


@pytest.mark.parametrize(
    ("algorithm", "key", "complaint"),
    [
        ("RS256", "SECRET", "wants a secret, the others a PEM"),
        ("HS256", NEW.key, "wants a secret"),
        ("RS256", NEW.key, "cannot be read as a key of RS256"),
        ("RS256", "-----BEGIN PUBLIC KEY-----\nSECRET\n-----END PUBLIC KEY-----", "cannot be read"),
        ("EdDSA", NEW.key, "cannot be read as a key of EdDSA"),
        ("ES256", Issuer("x", "EdDSA").key, "cannot be read as a key of ES256"),
        ("HS256", "SECRET", "too short"),
        ("RS256", Issuer("x", "RS256", 1024).key, "too short"),
    ],
)
def test_keys_that_cannot_be_used_are_named_at_once(algorithm: Any, key: str, complaint: str) -> None:
    with pytest.raises(BadTenants, match=complaint) as refused:
        TokenVerifier(TokenRules(AUDIENCE, (TokenKey("mine", algorithm, key),)), ManualClock().now)
    assert "mine" in str(refused.value) and "SECRET" not in str(refused.value)
