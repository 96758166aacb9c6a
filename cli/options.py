"""Command line flags made from the settings record, so that a setting is written down once."""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Optional

import typer

from common.settings import Settings
from common.settings_errors import SettingsError
from common.settings_source import SettingsSource

UNUSABLE: Final = 2


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """A typer command that takes every setting as a flag, and `--config FILE`, and calls `command`.

    `command` takes the `Settings` first; what else it takes are flags of its own, annotated for typer.
    """

    def loaded(source: SettingsSource, **arguments: Any) -> None:
        command(load(source), **arguments)

    return _with_flags(command, loaded)


def with_source(command: Callable[..., None]) -> Callable[..., None]:
    """The same for a command that takes a `SettingsSource`, and reads it by itself."""
    return _with_flags(command, command)


def _with_flags(command: Callable[..., None], call: Callable[..., None]) -> Callable[..., None]:
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    def run(**flags: Any) -> None:
        arguments = {parameter.name: flags.pop(parameter.name) for parameter in own}
        show = flags.pop("print_settings")
        given = {name: value for name, value in flags.items() if value is not None}
        config = given.pop("config", None)
        source = SettingsSource(given, os.environ, None if config is None else Path(config))
        if show:
            typer.echo(load(source).model_dump_json(indent=2))
            return
        call(source, **arguments)

    options = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    options += _settings_options()
    run.__name__ = command.__name__
    run.__doc__ = command.__doc__
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in options}
    return run


def load(source: SettingsSource) -> Settings:
    """Settings that cannot be used end the command with one line, whose end no frame breaks in a log."""
    try:
        return source.load()
    except SettingsError as error:
        typer.echo(f"voxshard: {error}", err=True)
        raise typer.Exit(UNUSABLE) from error


def _settings_options() -> list[inspect.Parameter]:
    options = [
        _option(name, _plain(field.annotation), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    options.append(_option("config", Path, "TOML file with settings"))
    options.append(_option("print_settings", bool, "print all settings and end"))
    return options


def _option(name: str, kind: type, description: str) -> inspect.Parameter:
    """`kind` is for people: what is written is checked with the other settings, as variables are. But a bool
    is there or not."""
    flag = "--" + name.replace("_", "-")
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=typer.Option(
            None, flag, metavar=f"<{kind.__name__.lower()}>", help=description, show_default=False
        ),
        annotation=Optional[bool if kind is bool else str],  # noqa: UP045 - typer reads this at run time
    )


def _plain(annotation: Any) -> type:
    """The type behind `T`, `T | None` and `Literal`."""
    candidates = [kind for kind in typing.get_args(annotation) if kind is not type(None)] or [annotation]
    return candidates[0] if isinstance(candidates[0], type) else str
