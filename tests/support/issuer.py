"""Whoever gives out tokens: a key of its own, and tokens signed with it."""

from __future__ import annotations

import json
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AUDIENCE: Final = "voxshard"


class Issuer:
    """`key` is what the tenants file says of it: the secret of HS256, else the public key as PEM."""

    def __init__(self, kid: str, algorithm: str = "ES256", rsa_bits: int = 2048) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self._signing: Any = _signing_key(kid, algorithm, rsa_bits)
        self.key = self._signing if algorithm == "HS256" else _public_pem(self._signing)

    def token(self, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
        """Just these claims."""
        named = {"kid": self.kid} if header is None else header
        return jwt.encode(claims, self._signing, self.algorithm, headers=named)

    def for_tenant(self, tenant: str, expires: float, **more: Any) -> str:
        return self.token({"tenant": tenant, "aud": AUDIENCE, "exp": expires} | more)

    @property
    def toml(self) -> str:
        """Its entry in the tenants file, which names the audience before the first of these."""
        return "\n".join(
            [
                "[[tokens.keys]]",
                f"kid = {json.dumps(self.kid)}",
                f"algorithm = {json.dumps(self.algorithm)}",
                f"key = {json.dumps(self.key)}",
                "",
            ]
        )


def _signing_key(kid: str, algorithm: str, rsa_bits: int) -> Any:
    match algorithm:
        case "HS256":
            return f"secret of {kid}, which is long enough for it"
        case "RS256":
            return rsa.generate_private_key(public_exponent=65_537, key_size=rsa_bits)
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return ec.generate_private_key(ec.SECP256R1())


def _public_pem(signing: Any) -> str:
    public = signing.public_key()
    pem: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()
