from __future__ import annotations

import pytest
from rich.cells import cell_len

from client.captions import locked_line, locked_text, partial_line
from client.view import Sentence, TranscriptView
from common.events import EndpointReason


def locked(text: str) -> Sentence:
    return Sentence(0, text, 12_345, 13_000, 13_800, EndpointReason.SILENCE)


def partial(text: str, width: int = 80) -> str:
    return partial_line(TranscriptView(partial=text, partial_start_ms=12_345), width).plain


def test_a_locked_line_starts_with_its_time() -> None:
    assert locked_text(locked("Hello.")) == "[12.3s] Hello."
    assert locked_line(locked("Hello.")).plain == "[12.3s] Hello."


def test_there_is_no_line_without_a_partial() -> None:
    assert partial("") == ""


def test_a_partial_that_fits_is_shown_whole() -> None:
    assert partial("what is it", 18) == "[12.3s] what is it"


def test_a_long_partial_shows_its_newest_words() -> None:
    assert partial("what is it", 17) == "[12.3s] …at is it"


@pytest.mark.parametrize("width", range(9, 24))
def test_wide_characters_never_pass_the_width(width: int) -> None:
    assert width - 1 <= cell_len(partial("今天天气很好我们去公园", width)) <= width


def test_markup_and_control_characters_are_only_text() -> None:
    hostile = "[bold]a\x1b[2Jb\nc"
    assert locked_text(locked(hostile)) == "[12.3s] [bold]a [2Jb c"
    assert locked_line(locked(hostile)).plain == "[12.3s] [bold]a [2Jb c"
    assert partial(hostile) == "[12.3s] [bold]a [2Jb c"
