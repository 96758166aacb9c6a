"""Every setting of every process, in one frozen record: flags over VOXSHARD_* variables over a TOML file.

What settings there are stands in `common/setting_groups/`, a file for each concern. Unknown keys are errors,
unknown VOXSHARD_* variables too. The supervisor hands its record on to its children as a file, so that all of
them run with the same values.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from pydantic import ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from common.setting_groups.access import Access
from common.setting_groups.addresses import Addresses
from common.setting_groups.engine import Engine
from common.setting_groups.instances import Instances
from common.setting_groups.limits import Limits
from common.setting_groups.processes import Processes
from common.setting_groups.speech import Speech
from common.setting_groups.telemetry import Telemetry
from common.settings_errors import ConfigUnreadable, SettingsError, UnknownVariables

PREFIX: Final = "VOXSHARD_"
_CONFIG_VARIABLE: Final = PREFIX + "CONFIG"
# What `voxshard stream` shows to servers. Servers have no use for it, but may be started from the same shell.
API_KEY_VARIABLE: Final = PREFIX + "API_KEY"


# Last to first: pydantic takes the fields of the last base first, and flags come in that order.
class Settings(Limits, Speech, Engine, Telemetry, Access, Instances, Processes, Addresses, BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, allow_inf_nan=False)

    def live_port(self, gateway: int) -> int:
        """Where this gateway takes live streams."""
        return self.gateway_port + gateway if self.proxied else self.port

    def http_port_of(self, gateway: int) -> int:
        """Where this gateway answers HTTP."""
        return self.gateway_http_port + gateway if self.proxied else self.http_port

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is handed in and nothing else: `load_settings` reads the variables, children read none."""
        return (init_settings,)

    @model_validator(mode="after")
    def _there_is_somebody_to_work_with(self) -> Self:
        if not (self.workers and self.gateways) and (self.redis_url is None or self.workers == self.gateways):
            raise ValueError("workers alone, or gateways alone, need redis_url to find each other")
        return self


def load_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ, config: Path | None = None
) -> Settings:
    """Flags (those given) over variables over the TOML file. Raises `SettingsError`."""
    variables = {key: value for key, value in environ.items() if key.startswith(PREFIX)}
    file = config or (Path(variables[_CONFIG_VARIABLE]) if _CONFIG_VARIABLE in variables else None)
    unknown = sorted(set(variables) - _known_variables())
    if unknown:
        raise UnknownVariables(unknown)
    for no_setting in (_CONFIG_VARIABLE, API_KEY_VARIABLE):
        variables.pop(no_setting, None)
    from_variables = {key.removeprefix(PREFIX).lower(): value for key, value in variables.items()}
    return _validated({**_read_toml(file), **from_variables, **flags})


def settings_from_file(path: Path) -> Settings:
    """The record that a supervisor wrote for its children; variables do not count again."""
    return Settings.model_validate_json(path.read_text())


def _known_variables() -> set[str]:
    return {_CONFIG_VARIABLE, API_KEY_VARIABLE, *(PREFIX + name.upper() for name in Settings.model_fields)}


def _read_toml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigUnreadable(f"{path}: {error}") from error


def _validated(values: dict[str, Any]) -> Settings:
    # Children read them in UTF-8.
    for name, value in values.items():
        if not _is_text(str(value)):
            raise SettingsError(f"{name}: not UTF-8")
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError("; ".join(map(_told, error.errors()))) from error


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _told(item: ErrorDetails) -> str:
    """Our own checks say it in their own words."""
    cause = item.get("ctx", {}).get("error", item["msg"])
    return ": ".join([*map(str, item["loc"]), str(cause)])
