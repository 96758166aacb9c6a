"""`voxshard stream`: recognise a file live and show the captions as they come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from common.settings import API_KEY_VARIABLE

DEFAULT_SERVER: Final = "ws://127.0.0.1:10095"


def stream(  # noqa: PLR0913 - each parameter is a flag
    *,
    file: Annotated[Path, typer.Option("--file", help="audio or video file of any kind")],
    server: Annotated[str, typer.Option("--server", help="address of the live port")] = DEFAULT_SERVER,
    speed: Annotated[float, typer.Option("--speed", min=0, help="2 is twice real time, 0 no pause")] = 1.0,
    json_lines: Annotated[bool, typer.Option("--json", help="print each message of the server")] = False,
    session_id: Annotated[str | None, typer.Option("--session-id", help="name of the session")] = None,
    language: Annotated[str | None, typer.Option("--language", help="language that is spoken")] = None,
    hotwords: Annotated[str, typer.Option("--hotwords", help="words to expect: a,b,c")] = "",
    api_key: Annotated[
        str | None,
        typer.Option("--api-key", envvar=API_KEY_VARIABLE, help="key or token, if the server wants one"),
    ] = None,
) -> None:
    """Recognise a file live. Ctrl-C ends the audio there and still shows the rest of the text."""
    # Here and not above: servers are installed without the client extra.
    try:
        from cli.stream_file import FileRequest, StreamFailed, stream_file  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise _failed(f"{missing.name} is not installed: pip install 'voxshard[client]'") from missing

    words = tuple(word.strip() for word in hotwords.split(",") if word.strip())
    request = FileRequest(file, server, speed, session_id, language, words, api_key)
    try:
        stream_file(request, json_lines=json_lines)
    except StreamFailed as error:
        raise _failed(str(error)) from error


def _failed(message: str) -> typer.Exit:
    typer.echo(f"error: {message}", err=True)
    return typer.Exit(1)
