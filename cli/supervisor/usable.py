"""Settings that are well written, and that children would not start with: told before any is started."""

from __future__ import annotations

from collections.abc import Callable

from cli.supervisor.errors import CannotServe
from common.clock import MonotonicClock, UnixClock
from common.registry.base import UnusableUrl
from common.settings import Settings
from gateway.access.tenants import BadTenants
from gateway.access.tenants_file import TenantsFile
from gateway.boot import BootFailed
from gateway.defaults import default_hotwords
from worker.engines.registry import UnknownEngine, check_name


class SettingUnusable(CannotServe):
    """The name of the setting, and why."""


def check_usable(settings: Settings) -> None:
    """Files are read, and nothing is loaded or connected to. Raises `SettingUnusable` for the first."""
    if settings.workers:
        _try("engine", lambda: check_name(settings.engine))
    if settings.gateways:
        _try("hotword_file", lambda: default_hotwords(settings))
        if (file := settings.tenants_file) is not None:
            _try("tenants_file", lambda: TenantsFile(file, MonotonicClock(), UnixClock()))
    if settings.redis_url is not None:
        _check_options(settings.redis_url)


def _try(name: str, check: Callable[[], object]) -> None:
    try:
        check()
    except (BadTenants, BootFailed, UnknownEngine) as error:
        raise SettingUnusable(f"{name}: {error}") from error


def _check_options(redis_url: str) -> None:
    # Only now: who has no Redis need not load its client.
    from common.registry.redis_call import redis_client  # noqa: PLC0415

    try:
        redis_client(redis_url)
    except UnusableUrl as error:
        raise SettingUnusable(str(error)) from error
