"""What all live connections share, as the settings of now have it."""

from __future__ import annotations

from dataclasses import replace

from common.settings import Settings
from gateway.admission import Limits
from gateway.defaults import default_options
from gateway.limits_watch import TimeLimits
from gateway.live_services import LiveServices


def worker_limits(settings: Settings) -> Limits:
    return Limits(settings.max_lag_ms, settings.max_speaking)


def time_limits(settings: Settings) -> TimeLimits:
    return TimeLimits(settings.idle_timeout, settings.start_timeout, settings.max_session)


def reloaded(services: LiveServices, settings: Settings) -> LiveServices:
    """For connections that come from now on. Raises `BootFailed`."""
    return replace(
        services,
        relay=replace(services.relay, patience_s=settings.failover_timeout),
        options=default_options(settings),
        limits=time_limits(settings),
        slow_reader_timeout_s=settings.slow_reader_timeout,
    )
