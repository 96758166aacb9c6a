"""What new settings change while all runs, and what has to be started anew for them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from common.settings import Settings


class Reach(Enum):
    """LIVE: every process takes it over. ROLLING: those that are started from now on have it. RESTART: it
    counts from the next start of the supervisor, as processes that run beside each other must agree on it."""

    LIVE = "live"
    ROLLING = "rolling"
    RESTART = "restart"


LIVE: Final = frozenset(
    {
        "log_level",
        "log_format",
        "language",
        "hotword_file",
        "silence_schedule",
        "drain_timeout",
        "failover_timeout",
        "max_lag_ms",
        "max_speaking",
        "idle_timeout",
        "start_timeout",
        "max_session",
        "slow_reader_timeout",
    }
)
ROLLING: Final = frozenset(
    {
        "pin_cores",
        "tenants_file",
        "allowed_origins",
        "trusted_proxies",
        "otlp_endpoint",
        "otlp_sample_ratio",
        "mps_memory_gib",
        "mps_thread_percentage",
        "dtype",
        "gpu_memory_utilization",
        "kv_cache_gib",
        "max_model_len",
        "tensor_parallel_size",
        "partial_mode",
        "segment_cap_ms",
        "partial_interval_ms",
        "partial_window_ms",
        "session_timeout",
        "capacity",
    }
)


def reach_of(name: str) -> Reach:
    """A setting that nobody has thought about is safe where it is."""
    if name in LIVE:
        return Reach.LIVE
    return Reach.ROLLING if name in ROLLING else Reach.RESTART


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of settings that differ, by how far they reach."""

    live: tuple[str, ...] = ()
    rolling: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


def changes(old: Settings, new: Settings) -> Changes:
    differing = [name for name in Settings.model_fields if getattr(old, name) != getattr(new, name)]

    def reaching(reach: Reach) -> tuple[str, ...]:
        return tuple(name for name in differing if reach_of(name) is reach)

    return Changes(reaching(Reach.LIVE), reaching(Reach.ROLLING), reaching(Reach.RESTART))


def adopted(settings: Settings, new: Settings) -> Settings:
    """`settings` with all of `new` that does not have to wait for a restart."""
    return settings.model_copy(update={name: getattr(new, name) for name in LIVE | ROLLING})
