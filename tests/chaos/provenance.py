"""Which part of a session's audio a text of the scripted engine names. Pure."""

from __future__ import annotations

import re
import zlib
from collections import deque
from dataclasses import dataclass
from typing import Final

from tests.chaos.script import Script

# A segment is heard from so long before its speech, or from where the one before it ended.
_PRE_ROLL_MS: Final = 200
_TEXT: Final = re.compile(r"heard (\d+) ms ([0-9a-f]{8})")
# Two closed segments may wait for their text behind the open one.
_JOINED_WITHIN_MS: Final = 6_000


@dataclass(frozen=True, slots=True)
class Window:
    start_ms: int
    end_ms: int


class Finder:
    """Finds texts in the audio of one session; for one after another, as they came."""

    def __init__(self, script: Script) -> None:
        self._script = script
        # The windows of a segment's partials begin at the same place: it is looked for once.
        self._found_last: deque[int] = deque(maxlen=4)

    def window_of(self, text: str, start_ms: int) -> Window | None:
        """Where a locked text was heard, whose speech begins at `start_ms`; None if nowhere in its audio."""
        match = _TEXT.fullmatch(text)
        return self._find(match, _before(start_ms)) if match is not None else None

    def has(self, partial: str, start_ms: int) -> bool:
        """Whether all of a partial is from this audio: one text, or those of several segments."""
        matches = list(_TEXT.finditer(partial))
        if " ".join(match.group() for match in matches) != partial:
            return False
        starts = _before(start_ms)
        for match in matches:
            window = self._find(match, starts)
            if window is None:
                return False
            # Pre-roll may reach back over what the segment before it heard of the pause.
            starts = range(window.end_ms - _PRE_ROLL_MS, window.end_ms + _JOINED_WITHIN_MS)
        return True

    def _find(self, match: re.Match[str], starts: range) -> Window | None:
        length_ms, checksum = int(match[1]), int(match[2], 16)
        for start_ms in (*(last for last in self._found_last if last in starts), *starts):
            if zlib.crc32(self._script.pcm(start_ms, start_ms + length_ms)) == checksum:
                if start_ms not in self._found_last:
                    self._found_last.append(start_ms)
                return Window(start_ms, start_ms + length_ms)
        return None


def _before(start_ms: int) -> range:
    """Mostly the whole pre-roll."""
    return range(max(0, start_ms - _PRE_ROLL_MS), start_ms + 1)
