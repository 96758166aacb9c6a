"""The files that settings name."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from cli.doctor.checks.settings import FileFacts
from common.clock import MonotonicClock, UnixClock
from common.settings import Settings
from gateway.access.tenants import BadTenants, parse_tenants
from gateway.access.tenants_file import TenantsFile
from gateway.boot import BootFailed
from gateway.defaults import default_hotwords

_SIGNS: Final = "HS256"


def probe_files(settings: Settings) -> FileFacts:
    hotwords_trouble = _hotwords_trouble(settings)
    file = settings.tenants_file
    if file is None:
        return FileFacts(hotwords_trouble)
    try:
        # As a gateway reads it, the keys of tokens included.
        TenantsFile(file, MonotonicClock(), UnixClock())
        return FileFacts(hotwords_trouble, None, stat.S_IMODE(file.stat().st_mode), _signs(file))
    except BadTenants as error:
        return FileFacts(hotwords_trouble, str(error))


def _signs(file: Path) -> bool:
    rules = parse_tenants(file.read_text(encoding="utf-8")).tokens
    return rules is not None and any(key.algorithm == _SIGNS for key in rules.keys)


def _hotwords_trouble(settings: Settings) -> str | None:
    try:
        default_hotwords(settings)
    except BootFailed as error:
        return str(error)
    return None
