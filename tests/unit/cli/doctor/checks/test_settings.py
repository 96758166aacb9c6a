from __future__ import annotations

import pytest

from cli.doctor.checks.settings import FileFacts, check_files, check_source
from cli.doctor.finding import Cause
from common.settings import load_settings
from common.settings_errors import ConfigUnreadable, SettingsError, UnknownVariables

SETTINGS = load_settings({}, {})


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (UnknownVariables(["VOXSHARD_A", "VOXSHARD_B"]), Cause.UNKNOWN_VARIABLES),
        (ConfigUnreadable("voxshard.toml: No such file"), Cause.CONFIG_UNREADABLE),
        (SettingsError("workers: Input should be greater than 0"), Cause.SETTINGS_INVALID),
    ],
)
def test_what_keeps_settings_from_being_read_has_a_name(error: SettingsError, cause: Cause) -> None:
    told = check_source(error)
    assert (told.cause, told.found) == (cause, str(error))


def test_unknown_variables_are_unset_by_name() -> None:
    assert check_source(UnknownVariables(["VOXSHARD_A", "VOXSHARD_B"])).do.endswith(
        "unset VOXSHARD_A VOXSHARD_B"
    )


@pytest.mark.parametrize(
    ("facts", "causes"),
    [
        (FileFacts(), []),
        (FileFacts(hotwords_trouble="words.txt: No such file"), [Cause.HOTWORDS_UNUSABLE]),
        (FileFacts(tenants_trouble="tenants.toml: no"), [Cause.TENANTS_UNUSABLE]),
        (FileFacts(tenants_mode=0o644), []),
        (FileFacts(tenants_mode=0o600, signs=True), []),
        (FileFacts(tenants_mode=0o640, signs=True), [Cause.TENANTS_EXPOSED]),
        (FileFacts(tenants_mode=0o620), [Cause.TENANTS_EXPOSED]),
    ],
)
def test_files(facts: FileFacts, causes: list[Cause]) -> None:
    assert [told.cause for told in check_files(SETTINGS, facts)] == causes
