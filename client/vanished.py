"""Whether the other end of a TCP connection has vanished without a word, by what the kernel tells. Pure.

Its network may be gone, or the entry of a NAT on the way: nothing is acknowledged then, and nothing says why.
A server that does not read acknowledges what it has room for, and answers when it is asked for more.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final, Self

# Of Linux's struct tcp_info, which only grows at its end: tcpi_retransmits and tcpi_probes, then
# tcpi_last_data_recv and tcpi_last_ack_recv in milliseconds.
_FIELDS: Final = Struct("=2xBB48xII")
TCP_INFO_BYTES: Final = _FIELDS.size

# On a bad path the kernel has learned to wait for seconds before it repeats anything, and a repeat or two get
# lost. Elsewhere the fourth comes after 3 s.
LEAST_REPEATS: Final = 4


@dataclass(frozen=True, slots=True)
class PeerSilence:
    """repeats: how often the kernel has sent the same again without an answer: data, or the question whether
    there is room for some. heard_s: seconds since anything came."""

    repeats: int
    heard_s: float

    @classmethod
    def of(cls, tcp_info: bytes) -> Self:
        retransmits, probes, data_ms, ack_ms = _FIELDS.unpack_from(tcp_info)
        # Data counts too: a segment that acknowledges nothing new does not count as an acknowledgement.
        return cls(retransmits + probes, min(data_ms, ack_ms) / 1000)


class Watch:
    """One connection, looked at now and then. `limit_s`: for less than that, nobody has to answer repeats."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._unanswered_since: float | None = None

    def vanished(self, silence: PeerSilence, now: float) -> bool:
        """`now`: in seconds, of a clock that only goes forward."""
        if not silence.repeats:
            self._unanswered_since = None
            return False
        if self._unanswered_since is None:
            self._unanswered_since = now
        # Silence from before the first repeat means nothing: nobody may have asked.
        unanswered_s = min(now - self._unanswered_since, silence.heard_s)
        return silence.repeats >= LEAST_REPEATS and unanswered_s >= self._limit_s
