"""How many sessions may speak at once; counted alike by a worker and by its gateways. Pure."""

from __future__ import annotations

import zlib
from math import ceil
from typing import Final

# The first placement of a session is admission; with a later one it moves, and is never refused.
FIRST_EPOCH: Final = 1

# Longer than the pauses of people who talk with each other: whoever has just said something goes on.
QUIET_AFTER_S: Final = 30.0
# A quiet session may begin to speak at any time, but not all of them do so together.
_QUIET_PER_SPEAKER: Final = 4

# When one of the others will have ended is not known. Those who are refused together come back one by one.
_RETRY_LEAST_S: Final = 2.0
_RETRY_SPREAD_S: Final = 4.0


def expected_speakers(sessions: int, engaged: int) -> int:
    """Of so many sessions; `engaged` of them have begun, or spoken, within the last `QUIET_AFTER_S`."""
    return engaged + ceil(max(0, sessions - engaged) / _QUIET_PER_SPEAKER)


def has_room(speakers: int, most: int | None) -> bool:
    """For one more, beside those that are expected to speak; `most` None is no limit."""
    return most is None or speakers < most


def retry_after_s(session: str) -> float:
    """2 to 6 s, for each session another."""
    share = zlib.crc32(session.encode()) / (1 << 32)
    return round(_RETRY_LEAST_S + _RETRY_SPREAD_S * share, 1)
