"""Which segments of one session the engine has at the moment; its gateway is told, should the worker die."""

from __future__ import annotations

from collections.abc import Callable


class InDecode:
    """`say` is called whenever the set is another. `suspects`: segments that a worker may have died of."""

    def __init__(self, say: Callable[[tuple[int, ...]], None]) -> None:
        self.suspects: tuple[int, ...] = ()
        self._say = say
        # One for each decode: a segment may have several.
        self._segments: list[int] = []
        self._said: tuple[int, ...] = ()
        self._ended = False

    def begun(self, segment: int) -> None:
        self._segments.append(segment)
        self._tell()

    def over(self, segment: int) -> None:
        """Answered, failed or given up; not when the engine dies."""
        if segment in self._segments:
            # An engine that does not let itself be cancelled answers as well.
            self._segments.remove(segment)
            self._tell()

    def end(self) -> None:
        """The session has ended; nobody is told any more."""
        self._ended = True

    def _tell(self) -> None:
        segments = tuple(sorted(set(self._segments)))
        if segments != self._said and not self._ended:
            self._said = segments
            self._say(segments)
