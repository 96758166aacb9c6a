"""What is in force for a client that sets nothing."""

from __future__ import annotations

from pathlib import Path

from common.errors import BadHotwords
from common.events import SessionOptions
from common.settings import Settings
from common.silence import parse_schedule
from gateway.boot import BootFailed
from gateway.dialects.option_texts import parse_hotwords


def default_options(settings: Settings) -> SessionOptions:
    """Raises `BootFailed` for a bad hotword file."""
    return SessionOptions(
        language=settings.language,
        hotwords=() if settings.hotword_file is None else _read_hotwords(settings.hotword_file),
        silence_schedule=parse_schedule(settings.silence_schedule),
    )


def _read_hotwords(file: Path) -> tuple[str, ...]:
    try:
        return parse_hotwords(",".join(file.read_text().splitlines()))
    except (OSError, UnicodeDecodeError, BadHotwords) as error:
        raise BootFailed(f"{file}: {error}") from error
