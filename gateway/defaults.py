"""What is in force for a client that sets nothing."""

from __future__ import annotations

from common.errors import BadHotwords
from common.events import SessionOptions
from common.language import parse_language
from common.settings import Settings
from common.silence import parse_schedule
from gateway.boot import BootFailed
from gateway.dialects.option_texts import parse_hotwords


def default_options(settings: Settings) -> SessionOptions:
    """Raises `BootFailed` for a bad hotword file."""
    return SessionOptions(
        language=parse_language(settings.language or ""),
        hotwords=default_hotwords(settings),
        silence_schedule=parse_schedule(settings.silence_schedule),
    )


def default_hotwords(settings: Settings) -> tuple[str, ...]:
    """Raises `BootFailed`."""
    file = settings.hotword_file
    if file is None:
        return ()
    try:
        return parse_hotwords(",".join(file.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise BootFailed(f"{file}: {error.strerror or 'cannot be read'}") from error
    except UnicodeDecodeError as error:
        raise BootFailed(f"{file}: not UTF-8") from error
    except BadHotwords as error:
        raise BootFailed(f"{file}: {error.action}") from error
