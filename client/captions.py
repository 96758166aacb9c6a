"""How a transcript looks in a terminal: locked lines, and one line that changes below them. Pure."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from rich.text import Text

from client.view import Sentence, TranscriptView

_CUT_MARK: Final = "…"


def locked_text(sentence: Sentence) -> str:
    """`[12.3s] what was said`: seconds from START to the first word."""
    return _stamp(sentence.start_ms) + _printable(sentence.text)


def locked_line(sentence: Sentence) -> Text:
    return Text.assemble((_stamp(sentence.start_ms), "dim"), _printable(sentence.text))


def partial_line(view: TranscriptView, width: int) -> Text:
    """The partial on one line of at most `width` cells: the end of it if it is longer."""
    if not view.partial:
        return Text()
    stamp = _stamp(view.partial_start_ms)
    newest = _newest(_printable(view.partial), width - cell_len(stamp))
    return Text.assemble((stamp, "dim"), (newest, "italic"), no_wrap=True, overflow="crop")


def away_line() -> Text:
    """In place of the partial while there is no connection."""
    return Text("reconnecting", "dim")


def _stamp(start_ms: int) -> str:
    return f"[{start_ms / 1000:.1f}s] "


def _printable(text: str) -> str:
    """On one line and without control characters: a server must not steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _newest(text: str, width: int) -> str:
    """The end of `text` that fits into `width` cells; Chinese characters take two each."""
    if cell_len(text) <= width:
        return text
    room = width - cell_len(_CUT_MARK)
    start = len(text)
    while start > 0 and room >= cell_len(text[start - 1]):
        start -= 1
        room -= cell_len(text[start])
    return _CUT_MARK + text[start:]
