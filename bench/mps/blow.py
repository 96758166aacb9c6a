"""What a fault is measured with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blow:
    """`streams` live streams of `seconds`; the assertion fails `after_s` seconds after the last began."""

    streams: int
    seconds: float
    after_s: float
