"""Resume tokens: who shows one may go on with the session that it names. Pure.

They are JSON Web Tokens signed with a key that all gateways of a deployment have, so that any of them can
read what another one has given out. A token alone brings nothing back: the session's record has to be there.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import jwt
import msgspec

from common.errors import BadResumeToken, CannotLookUp, ResumeExpired

# Longer than sessions last: it is given out at START. Once a session is over its record goes long before.
LIFE_S: Final = 24 * 3_600.0
# Until it is known what other gateways sign with; clients come back as late at the earliest.
_KNOWN_WITHIN_S: Final = 1.0
_AUDIENCE: Final = "voxshard-resume"
_ALGORITHM: Final = "HS256"
# With the longest session id and tenant that there can be.
_MAX_CHARACTERS: Final = 1_024
# The time is compared here, with the clock that is handed in.
_OPTIONS: Final[Any] = {"require": ["aud", "exp"], "verify_exp": False, "verify_iat": False}


@dataclass(frozen=True, slots=True)
class ResumeClaim:
    """`epoch`: of the pin that the session had when the token was made. `trace`: the `traceparent` to go on
    from, if there is one."""

    session: str
    tenant: str
    epoch: int
    trace: str = ""


class _Payload(msgspec.Struct, frozen=True):
    sid: str
    tenant: str
    epoch: int
    exp: float
    trace: str = ""


class ResumeTokens:
    """`secrets`: those of the deployment, the newest first; `knows_all`: whether those are all there are;
    `unix_now`: seconds since 1970."""

    def __init__(
        self,
        secrets: Callable[[], Sequence[str]],
        unix_now: Callable[[], float],
        knows_all: Callable[[], bool] = lambda: True,
    ) -> None:
        self._secrets = secrets
        self._unix_now = unix_now
        self._knows_all = knows_all

    def token(self, claim: ResumeClaim) -> str:
        payload = {
            "aud": _AUDIENCE,
            "exp": int(self._unix_now() + LIFE_S),
            "sid": claim.session,
            "tenant": claim.tenant,
            "epoch": claim.epoch,
            **({"trace": claim.trace} if claim.trace else {}),
        }
        return jwt.encode(payload, _key(self._secrets()[0]), algorithm=_ALGORITHM)

    def claim(self, token: str, tenant: str) -> ResumeClaim:
        """What the token says, if it is this tenant's. Raises `BadResumeToken`, `ResumeExpired`, and
        `CannotLookUp` for what another gateway may have signed."""
        payload = self._payload(token)
        if payload.tenant != tenant:
            raise BadResumeToken()
        if payload.exp <= self._unix_now():
            raise ResumeExpired()
        return ResumeClaim(payload.sid, payload.tenant, payload.epoch, payload.trace)

    def _payload(self, token: str) -> _Payload:
        if len(token) <= _MAX_CHARACTERS:
            for secret in self._secrets():
                payload = _decoded(token, _key(secret))
                if payload is not None:
                    return payload
        if self._knows_all():
            raise BadResumeToken()
        raise CannotLookUp(retry_after_s=_KNOWN_WITHIN_S)


def _key(secret: str) -> bytes:
    """What is signed with it tells nothing of the secret, which has other uses."""
    return hmac.digest(secret.encode(), _AUDIENCE.encode(), sha256)


def _decoded(token: str, key: bytes) -> _Payload | None:
    try:
        claims = jwt.decode(token, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, options=_OPTIONS)
        return msgspec.convert(claims, _Payload)
    except (jwt.PyJWTError, ValueError, msgspec.ValidationError):
        return None
