"""What stands before the gateways, as data, and the nginx.conf that makes it so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

# Beside the packages, in the repository and where they are installed.
_TEMPLATE: Final = Path(__file__).parents[1] / "deploy" / "nginx" / "nginx.conf.j2"
# Debian's, where nginx starts as root.
_LOGS: Final = Path("/var/log/nginx")
# What would end a quoted word in nginx.conf, or be a variable in it.
_NOT_IN_QUOTES: Final = re.compile(r'["\\$\x00-\x1f]')


class UnusablePath(ValueError):
    """It cannot be written into nginx.conf."""

    def __init__(self, path: Path) -> None:
        super().__init__(f'nginx takes no path with ", \\, $ or line breaks in it: {str(path)!r}')


class Balance(StrEnum):
    ROUND_ROBIN = "round-robin"
    LEAST_CONN = "least-conn"


@dataclass(frozen=True, slots=True)
class Gateway:
    """HOST:PORT of its two ports, as in a URL."""

    live: str
    http: str


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM, the certificate with its chain."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Entry:
    """Where clients connect: on these addresses, as in a URL, `*` for all of IPv4."""

    addresses: tuple[str, ...]
    port: int
    http_port: int
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """`header_s`: for a request head; `silence_s`: without a byte in either direction; `unread_s`: without
    progress of a client's reading; `reload_s`: for which old processes keep their connections. No limit of
    connections if that is 0."""

    header_s: int
    silence_s: int
    unread_s: int
    reload_s: int
    connections_per_address: int
    upload_mib: int


@dataclass(frozen=True, slots=True)
class Front:
    """`ops_from`: networks that may see metrics and workers; `pages`: folder of static files; `folder`: where
    nginx has its logs, pid and temporary files, in the places it was built with if None."""

    gateways: tuple[Gateway, ...]
    entry: Entry
    bounds: Bounds
    balance: Balance = Balance.ROUND_ROBIN
    ops_from: tuple[str, ...] = ()
    pages: Path | None = None
    folder: Path | None = None


def render(front: Front) -> str:
    """A whole nginx.conf. Raises `UnusablePath`."""
    # Here and not above: clients are installed without the server extra.
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["path"] = _quoted
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(front=front, logs=front.folder or _LOGS)


def _quoted(path: Path, name: str = "") -> str:
    """Absolute, since nginx starts relative paths at its own folder."""
    absolute = (path / name).absolute()
    if _NOT_IN_QUOTES.search(str(absolute)):
        raise UnusablePath(absolute)
    return f'"{absolute}"'
