"""JSON Web Tokens: whose they are, checked against the keys of the tenants file. Pure.

Imported only where tokens are configured, as the cryptography behind it takes a while to load.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeGuard

import jwt

from common.errors import BadCredentials, TokenExpired
from gateway.access.tenants import BadTenants, TokenKey, TokenRules

_PUBLIC_KEY: Final = "-----BEGIN PUBLIC KEY-----"
# Those that depend on the time of day are looked at here, with the clock that is handed in.
_OPTIONS: Final[Any] = {
    "require": ["aud", "exp"],
    "strict_aud": False,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_sub": False,
}


class TokenVerifier:
    """`unix_now`: seconds since 1970. Raises `BadTenants` for a key that cannot be used."""

    def __init__(self, rules: TokenRules, unix_now: Callable[[], float]) -> None:
        self._rules = rules
        self._unix_now = unix_now
        # A token is only ever checked with the algorithm of the key that it names: what its own header says
        # about that is not trusted, or a public key could be passed off as the secret of HS256.
        self._keys = {key.kid: (key.algorithm, _prepared(key)) for key in rules.keys}

    def tenant(self, token: str) -> str:
        """The tenant that the token names. Raises `BadCredentials`, `TokenExpired`."""
        claims = self._claims(token)
        tenant = claims.get(self._rules.tenant_claim)
        if not isinstance(tenant, str) or not self._begun(claims.get("nbf", 0)):
            raise BadCredentials()
        expires = claims["exp"]
        if not _is_time(expires):
            raise BadCredentials()
        if expires + self._rules.leeway_s <= self._unix_now():
            raise TokenExpired()
        return tenant

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            algorithm, key = self._keys[jwt.get_unverified_header(token)["kid"]]
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                options=_OPTIONS,
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            # Not chained: what it says may hold a piece of the token.
            raise BadCredentials() from None

    def _begun(self, not_before: object) -> bool:
        return _is_time(not_before) and not_before - self._rules.leeway_s <= self._unix_now()


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _prepared(key: TokenKey) -> Any:
    """The key in the form that the library wants, so that it is not read anew for each token."""
    # A private key would do as well, but does not belong on a server that only checks.
    if (key.algorithm == "HS256") == (_PUBLIC_KEY in key.key):
        raise BadTenants(f"tokens: key {key.kid}: HS256 wants a secret, the others a PEM public key")
    algorithm = jwt.get_algorithm_by_name(key.algorithm)
    try:
        prepared = algorithm.prepare_key(key.key)
        complaint = algorithm.check_key_length(prepared)
    except (jwt.PyJWTError, TypeError, ValueError):
        raise BadTenants(f"tokens: key {key.kid} cannot be read as a key of {key.algorithm}") from None
    if complaint:
        raise BadTenants(f"tokens: key {key.kid} is too short for {key.algorithm}")
    return prepared
