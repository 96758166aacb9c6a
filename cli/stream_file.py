"""Sends a file to a server and shows what comes back: the part of `voxshard stream` that needs the client."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import typer
from rich.console import Console
from rich.live import Live

from client.captions import away_line, locked_line, locked_text, partial_line
from client.sources import AudioFileError, FileSource, check_audio_file
from client.stream import StreamClient, StreamError, Update
from client.view import ErrorEvent, Lost, Message, Resumed, Sentence
from common.errors import BY_CODE

Show = Callable[[Update], None]


@dataclass(frozen=True, slots=True)
class FileRequest:
    """What the command line asks for; `speed` as in `client.sources.PacedFrames`."""

    file: Path
    server: str
    speed: float
    session_id: str | None
    language: str | None
    hotwords: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)


class StreamFailed(Exception):
    """The message is the line for the user."""


def stream_file(request: FileRequest, *, json_lines: bool) -> None:
    """Show the text of the file on stdout as it comes. Raises `StreamFailed`."""
    try:
        check_audio_file(request.file)
        client = StreamClient(
            request.server,
            request.session_id,
            request.language,
            request.hotwords,
            api_key=request.api_key,
        )
        with _display(json_lines) as show:
            asyncio.run(_run(client, FileSource(request.file, speed=request.speed), show))
    except (AudioFileError, StreamError) as error:
        raise StreamFailed(_explained(error, request.server)) from error


async def _run(client: StreamClient, frames: AsyncIterable[bytes], show: Show) -> None:
    """Send and read at once; what fails first ends the other too."""
    interrupted = asyncio.Event()
    try:
        async with client, asyncio.TaskGroup() as both:
            with _on_interrupt(interrupted.set):
                both.create_task(_speak(client, frames, interrupted), name="speak")
                async for update in client.updates():
                    show(update)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


async def _speak(client: StreamClient, frames: AsyncIterable[bytes], interrupted: asyncio.Event) -> None:
    """Send until the end or Ctrl-C; a file that breaks off gets its text first, then the error is raised."""
    try:
        await _send_all(client, frames, interrupted)
    except AudioFileError:
        await client.finish()
        raise
    await client.finish()


async def _send_all(client: StreamClient, frames: AsyncIterable[bytes], interrupted: asyncio.Event) -> None:
    async for frame in frames:
        if interrupted.is_set():
            return
        await client.send(frame)


@contextmanager
def _on_interrupt(act: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls `act` in the loop; a second one ends the program as usual."""
    loop = asyncio.get_running_loop()
    usual = signal.getsignal(signal.SIGINT)

    def handle(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)
        loop.call_soon_threadsafe(act)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


@contextmanager
def _display(json_lines: bool) -> Iterator[Show]:
    """JSON lines, live captions on a terminal, or else one line for each locked sentence."""
    if json_lines:
        yield _show_json
    elif sys.stdout.isatty():
        console = Console()
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield LiveCaptions(console, live)
    else:
        yield LockedLines(lambda sentence: typer.echo(locked_text(sentence)))


def _show_json(update: Update) -> None:
    """The text as it came, in UTF-8 whatever the locale; `echo` flushes."""
    typer.echo(update.text.encode())


class LockedLines:
    """Writes each locked sentence once, and what the session outlives to stderr: errors, lost connections."""

    def __init__(self, write: Callable[[Sentence], None]) -> None:
        self._write = write
        self._written = 0

    def __call__(self, update: Update) -> None:
        for sentence in update.view.sentences[self._written :]:
            self._write(sentence)
        self._written = len(update.view.sentences)
        if (warning := _warning(update.message)) is not None:
            typer.echo(warning, err=True)


def _warning(message: Message | Lost) -> str | None:
    match message:
        case ErrorEvent(code, text) if not message.ends_session:
            return f"warning: {code}: {text}"
        case Lost(code, text):
            return f"warning: {code}: {text}; trying to resume"
        case Resumed():
            return "resumed"
    return None


class LiveCaptions:
    """Locked lines scroll up; the partial stays on the line below them until its final replaces it."""

    def __init__(self, console: Console, live: Live) -> None:
        self._locked = LockedLines(lambda sentence: console.print(locked_line(sentence)))
        self._console = console
        self._live = live

    def __call__(self, update: Update) -> None:
        is_away = isinstance(update.message, Lost)
        line = away_line() if is_away else partial_line(update.view, self._console.width)
        # Refreshed first: printing a locked line draws the live line below it again as it was last shown.
        self._live.update(line, refresh=True)
        self._locked(update)


def _explained(error: AudioFileError | StreamError, server: str) -> str:
    if isinstance(error, AudioFileError):
        return str(error)
    if error.code == "no_server":
        return f"no server at {server}: start one with `voxshard serve`"
    known = BY_CODE.get(error.code)
    return f"{error}; {known.action}" if known else str(error)
