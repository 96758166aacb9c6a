"""`voxshard worker prepare`: what has to be done once for a model before workers start."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from common.settings import load_settings
from common.settings_errors import SettingsError

_UNUSABLE: Final = 2


def prepare(
    model: Annotated[str, typer.Argument(metavar="DIR_OR_ID", help="model folder, or its id at the hub")],
    prepared: Annotated[
        Path | None, typer.Option(help="folder of the prepared weights; beside the model if not given")
    ] = None,
    hub: Annotated[str | None, typer.Option(help="where a model id is looked up: ms, hf")] = None,
    engine: Annotated[str, typer.Option(help="engine that the model is for")] = "fun-asr-nano",
) -> None:
    """Prepare a model once, so that workers can load it, and print the folder that was made."""
    from worker.engines.preparation import CannotPrepare, prepare_model  # noqa: PLC0415

    given = {"model": model, "prepared": prepared, "hub": hub, "engine": engine}
    try:
        settings = load_settings({name: value for name, value in given.items() if value is not None})
        done = prepare_model(settings)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    except CannotPrepare as error:
        typer.echo(f"voxshard worker prepare: {error}", err=True)
        raise typer.Exit(_UNUSABLE) from error
    typer.echo(str(done.prepared))
