"""What the live connection asks of a dialect."""

from __future__ import annotations

from typing import Protocol

from common.events import Command, Event, SessionOptions


class Dialect(Protocol):
    """One per connection; it remembers the options set so far and what the session has said."""

    name: str
    options: SessionOptions

    def parse_text(self, message: str) -> Command:
        """Raises a `VoxshardError` for what is no command."""
        ...

    def parse_binary(self, frame: bytes) -> Command:
        """Raises a `VoxshardError` for what is no audio."""
        ...

    def render(self, event: Event) -> list[bytes]:
        """The texts for an event in UTF-8, in order; none where this dialect has nothing to say."""
        ...
