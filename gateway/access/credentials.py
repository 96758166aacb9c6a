"""Where in a request a key or token stands. Pure.

Never in the address: proxies, browsers and shells write addresses down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# What a browser offers beside its key, and what it is answered: it may not be answered with the key.
SUBPROTOCOL: Final = "voxshard"
_IN_SUBPROTOCOL: Final = "voxshard.key."
# `Token` is what clients of another service say.
_SCHEMES: Final = frozenset({"bearer", "token"})


def credential(headers: Mapping[str, str]) -> str | None:
    """The key or token, if there is any; header names are in lower case."""
    authorization = headers.get("authorization")
    if authorization is None:
        return _offered(headers.get("sec-websocket-protocol", ""))
    scheme, _, value = authorization.strip().partition(" ")
    return (value.strip() or None) if scheme.lower() in _SCHEMES else None


def _offered(subprotocols: str) -> str | None:
    """Scripts in browsers can set no header but this one."""
    for offered in subprotocols.split(","):
        name = offered.strip()
        if name.startswith(_IN_SUBPROTOCOL):
            return name.removeprefix(_IN_SUBPROTOCOL) or None
    return None
