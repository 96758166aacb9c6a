from __future__ import annotations

import io
import json

from rich.console import Console
from rich.live import Live

from cli.stream_file import LiveCaptions
from client.stream import Update
from client.view import Lost, TranscriptView, decode_message
from tests.unit.client.scripted_server import sentence


def test_live_captions_leave_only_the_locked_lines_behind() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, color_system=None, width=40)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        show = LiveCaptions(console, live)
        show(update(partial="what is"))
        assert "[0.0s] what is" in output.getvalue()
        show(update("What is it?"))
        assert output.getvalue().rstrip().endswith("[0.0s] What is it?")
    assert output.getvalue().count("What is it?") == 1


def test_live_captions_tell_that_there_is_no_connection() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, color_system=None, width=40)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        show = LiveCaptions(console, live)
        shown = update("One.", partial="what is")
        show(shown)
        show(Update(Lost("connection_closed", "gone"), "", shown.view))
        assert output.getvalue().rstrip().endswith("reconnecting")
    assert output.getvalue().count("One.") == 1


def update(*texts: str, partial: str = "") -> Update:
    text = json.dumps(
        {
            "sentences": [sentence(number, text) for number, text in enumerate(texts)],
            "partial": partial,
            "partial_start_ms": 0,
            "duration_ms": 0,
            "is_final": False,
            "session_id": "s1",
            "worker": "w0",
            "seq": 1,
        }
    )
    message = decode_message(text)
    return Update(message, text, TranscriptView().fold(message))
