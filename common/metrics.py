"""Bucket edges and helpers used by more than one process; docs/operations.md lists every series."""

from __future__ import annotations

from typing import Final

# Dense from 50 ms to 1 s, where the goals are.
LATENCY_BUCKETS_S: Final = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.48, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
LAG_BUCKETS_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
