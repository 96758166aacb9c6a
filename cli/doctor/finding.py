"""What the doctor tells: a cause by name, what was found, what it means, what to do."""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec


class Severity(Enum):
    PROBLEM = "problem"
    NOTE = "note"


class Cause(Enum):
    """docs/troubleshooting.md has a line for each."""

    UNKNOWN_VARIABLES = "unknown_variables"
    CONFIG_UNREADABLE = "config_unreadable"
    SETTINGS_INVALID = "settings_invalid"
    HOTWORDS_UNUSABLE = "hotwords_unusable"
    TENANTS_UNUSABLE = "tenants_unusable"
    TENANTS_EXPOSED = "tenants_exposed"
    PORT_TAKEN = "port_taken"
    PORT_UNUSABLE = "port_unusable"
    RUN_DIR_UNUSABLE = "run_dir_unusable"
    DISK_FULL = "disk_full"
    TOO_FEW_FILES = "too_few_files"
    TOO_LITTLE_MEMORY = "too_little_memory"
    TOO_LITTLE_SHARED_MEMORY = "too_little_shared_memory"
    ADVERTISE_HOST_UNUSABLE = "advertise_host_unusable"
    REDIS_UNREACHABLE = "redis_unreachable"
    REDIS_SILENT = "redis_silent"
    REDIS_SLOW = "redis_slow"
    REDIS_CROWDED = "redis_crowded"
    REDIS_UNTRUSTED = "redis_untrusted"
    REDIS_PASSWORD = "redis_password"
    REDIS_NO_DATABASE = "redis_no_database"
    REDIS_WRONG_KIND = "redis_wrong_kind"
    REDIS_TOO_OLD = "redis_too_old"
    REDIS_UNSEEN = "redis_unseen"
    REDIS_NO_RIGHTS = "redis_no_rights"
    REDIS_NO_WRITES = "redis_no_writes"
    REDIS_FULL = "redis_full"
    REDIS_EVICTS = "redis_evicts"
    CLOCK_SKEW = "clock_skew"
    DETECTOR_BROKEN = "detector_broken"
    ENGINE_BROKEN = "engine_broken"
    PACKAGES_MISSING = "packages_missing"
    VLLM_UNSUPPORTED = "vllm_unsupported"
    VERSIONS_CLASH = "versions_clash"
    TORCH_WITHOUT_CUDA = "torch_without_cuda"
    DRIVER_MISSING = "driver_missing"
    DRIVER_TOO_OLD = "driver_too_old"
    CARD_MISSING = "card_missing"
    CARD_MEMORY = "card_memory"
    COMPUTE_MODE = "compute_mode"
    CARD_SHARED = "card_shared"
    MPS_DEAD = "mps_dead"
    MPS_OTHER_USER = "mps_other_user"
    MPS_UNUSABLE = "mps_unusable"
    MODEL_MISSING = "model_missing"
    MODEL_FORBIDDEN = "model_forbidden"
    MODEL_INCOMPLETE = "model_incomplete"
    WEIGHTS_BROKEN = "weights_broken"
    MODEL_NOT_HERE = "model_not_here"
    MODEL_UNPREPARED = "model_unprepared"
    CANNOT_PREPARE = "cannot_prepare"
    NO_SPACE_TO_PREPARE = "no_space_to_prepare"
    PROBE_STUCK = "probe_stuck"
    PROBE_FAILED = "probe_failed"


# Good to know, and no reason not to start.
NOTES: Final = frozenset(
    {
        Cause.CARD_SHARED,
        Cause.MODEL_NOT_HERE,
        Cause.MODEL_UNPREPARED,
        Cause.REDIS_UNSEEN,
        Cause.TENANTS_EXPOSED,
    }
)


class Finding(msgspec.Struct, frozen=True):
    """Sentences for people: what was `found`, what it `means`, and what to `do`, with the command if there is
    one."""

    cause: Cause
    found: str
    means: str
    do: str

    @property
    def severity(self) -> Severity:
        return Severity.NOTE if self.cause in NOTES else Severity.PROBLEM
