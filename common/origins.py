"""Which web pages may connect: a browser names the page's origin, and nobody else is held to it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

Origins = frozenset[str]
"""As browsers write them: `https://host` or `https://host:port`, in lower case. Empty: any."""

_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s,]+")


class NotAnOrigin(ValueError):
    def __init__(self, text: str) -> None:
        super().__init__(f"not an origin such as https://app.example: {text}")


def parse_origins(texts: Iterable[str]) -> Origins:
    """Raises `NotAnOrigin`."""
    return frozenset(_origin(text) for text in texts)


def listed_origins(text: str) -> Origins:
    """With commas between; any for an empty text. Raises `NotAnOrigin`."""
    return parse_origins(filter(str.strip, text.split(",")))


def _origin(text: str) -> str:
    origin = text.strip().lower()
    if not _ORIGIN.fullmatch(origin):
        raise NotAnOrigin(text)
    return origin


def allows(origins: Origins, origin: str | None) -> bool:
    """Whether a request with this Origin header, or without one, may come in."""
    return origin is None or not origins or origin.lower() in origins
