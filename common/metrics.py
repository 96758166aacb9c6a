"""Bucket edges and helpers used by more than one process; docs/metrics.md lists every series."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

# Dense from 50 ms to 1 s, where the goals are.
LATENCY_BUCKETS_S: Final = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.48, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
# A silence that ends a sentence is in it: tenths of a second, as frames mostly are. No edge lies there.
FINAL_BUCKETS_S: Final = (
    *(edge for edge in LATENCY_BUCKETS_S if edge <= 0.6),
    *(0.75, 0.95, 1.15, 1.35, 1.55, 1.75, 1.95, 2.15, 2.45, 3.0, 5.0, 10.0),
)
LAG_BUCKETS_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
# Of an event loop: a few milliseconds are its ordinary work, a tenth of a second is heard.
LOOP_LAG_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class SpanOutcome(StrEnum):
    """What has become of a span; `DROPPED`: the queue was full."""

    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


CountSpans = Callable[[SpanOutcome, int], None]
"""Is told of so many spans, on any thread."""
