"""Settings that cannot be read, and the files that they name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cli.doctor.finding import Cause, Finding
from common.settings import Settings
from common.settings_errors import ConfigUnreadable, SettingsError, UnknownVariables

_OTHERS_MAY_READ = 0o044
_OTHERS_MAY_WRITE = 0o022


def check_source(error: SettingsError) -> Finding:
    means = "no process would start"
    match error:
        case UnknownVariables():
            return Finding(
                Cause.UNKNOWN_VARIABLES,
                str(error),
                means,
                f"correct their names, or: unset {' '.join(error.names)}",
            )
        case ConfigUnreadable():
            return Finding(
                Cause.CONFIG_UNREADABLE, str(error), means, "correct the file of --config or VOXSHARD_CONFIG"
            )
    return Finding(
        Cause.SETTINGS_INVALID,
        str(error),
        means,
        "see `voxshard serve --help`, or docs/settings.md",
    )


@dataclass(frozen=True, slots=True)
class FileFacts:
    """`trouble`: why gateways cannot use these files; None if they can. `tenants_mode`: permissions;
    `signs`: there is a secret in it with which tokens can be made."""

    hotwords_trouble: str | None = None
    tenants_trouble: str | None = None
    tenants_mode: int | None = None
    signs: bool = False


def check_files(_: Settings, facts: FileFacts) -> Iterator[Finding]:
    if facts.hotwords_trouble is not None:
        yield Finding(
            Cause.HOTWORDS_UNUSABLE,
            facts.hotwords_trouble,
            "gateways do not start",
            "correct the file of --hotword-file, or leave the setting out",
        )
    if facts.tenants_trouble is not None:
        yield Finding(
            Cause.TENANTS_UNUSABLE,
            facts.tenants_trouble,
            "gateways do not start; those that run keep the former tenants",
            "correct the file of --tenants-file; `voxshard key new TENANT` prints lines for it",
        )
    yield from _exposed(facts)


def _exposed(facts: FileFacts) -> Iterator[Finding]:
    mode = facts.tenants_mode or 0
    if mode & _OTHERS_MAY_WRITE:
        yield Finding(
            Cause.TENANTS_EXPOSED,
            f"the tenants file can be written by others (mode {mode:03o})",
            "they can let themselves in",
            "chmod 600 FILE, as the user of the server",
        )
    elif mode & _OTHERS_MAY_READ and facts.signs:
        yield Finding(
            Cause.TENANTS_EXPOSED,
            f"the tenants file holds a secret of HS256 and can be read by others (mode {mode:03o})",
            "they can make tokens for every tenant",
            "chmod 600 FILE, as the user of the server",
        )
