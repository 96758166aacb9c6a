"""Command line flags made from the settings record, so that a setting is written down once."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import typer

from common.settings import Settings, SettingsError, load_settings


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """A typer command that takes every setting as a flag, and `--config FILE`, and calls `command`.

    `command` takes the `Settings` first; what else it takes are flags of its own, annotated for typer.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    def run(**flags: Any) -> None:
        arguments = {parameter.name: flags.pop(parameter.name) for parameter in own}
        show = flags.pop("print_settings")
        settings = _load(flags)
        if show:
            typer.echo(settings.model_dump_json(indent=2))
            return
        command(settings, **arguments)

    options = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    options += _settings_options()
    run.__name__ = command.__name__
    run.__doc__ = command.__doc__
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in options}
    return run


def _load(flags: dict[str, Any]) -> Settings:
    given = {name: value for name, value in flags.items() if value is not None}
    config = given.pop("config", None)
    try:
        return load_settings(given, config=config)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error


def _settings_options() -> list[inspect.Parameter]:
    options = [
        _option(name, _flag_type(field.annotation), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    options.append(_option("config", Path, "TOML file with settings"))
    options.append(_option("print_settings", bool, "print all settings and end"))
    return options


def _option(name: str, kind: type, description: str) -> inspect.Parameter:
    flag = "--" + name.replace("_", "-")
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=typer.Option(None, flag, help=description, show_default=False),
        annotation=Optional[kind],  # noqa: UP045 - typer reads this at run time
    )


def _flag_type(annotation: Any) -> type:
    """The plain type behind `T`, `T | None` and `Literal`; pydantic does the checking."""
    candidates = [kind for kind in typing.get_args(annotation) if kind is not type(None)] or [annotation]
    return candidates[0] if isinstance(candidates[0], type) else str
