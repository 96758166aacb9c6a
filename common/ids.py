"""Session ids: made by the server, or named by the client and checked here."""

from __future__ import annotations

import re
import secrets
from typing import Final

from common.errors import BadSessionId

# Ids travel in URLs, headers, logs and Redis keys: no character that any of them would have to escape.
_SESSION_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def new_session_id() -> str:
    return secrets.token_hex(8)


def checked_session_id(text: str) -> str:
    """The id as given; `BadSessionId` unless it is 1 to 128 letters, digits or `. _ : -`."""
    if not _SESSION_ID.fullmatch(text):
        raise BadSessionId()
    return text


def following_session_id(base: str, number: int) -> str:
    """Id of the `number`-th session of one connection: `ID`, then `ID-2`, `ID-3`."""
    return base if number == 1 else f"{base}-{number}"
