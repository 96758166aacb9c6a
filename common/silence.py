"""How long a silence ends a segment: shorter the longer the segment already is.

The age of a segment is the time since it began, silence included, and is looked at anew with every hop: a
segment that grows past a row's bound while silence lasts is measured by the next row from then on.
"""

from __future__ import annotations

import itertools
import json
import math
from typing import Final

from common.audio import SAMPLES_PER_MS
from common.errors import BadSilenceSchedule
from common.events import ScheduleStep

MAX_STEPS: Final = 16
MIN_SILENCE_MS: Final = 32
MAX_SILENCE_MS: Final = 60_000
# No segment gets that old; a bound past 64 bits could not travel to the worker.
MAX_AGE_MS: Final = 24 * 3_600_000

# The two dynamic tables of FunASR's guide, section 7.
STREAMING_STEPS: Final = (
    ScheduleStep(5_000, 2_000),
    ScheduleStep(10_000, 1_500),
    ScheduleStep(15_000, 1_000),
    ScheduleStep(30_000, 800),
    ScheduleStep(45_000, 400),
    ScheduleStep(None, 100),
)
OFFLINE_STEPS: Final = (
    ScheduleStep(10_000, 2_000),
    ScheduleStep(20_000, 1_000),
    ScheduleStep(30_000, 800),
    ScheduleStep(45_000, 600),
    ScheduleStep(50_000, 400),
    ScheduleStep(60_000, 200),
    ScheduleStep(None, 100),
)
NAMED_STEPS: Final = {"streaming": STREAMING_STEPS, "offline": OFFLINE_STEPS}


class SilenceSchedule:
    """Age of a segment to the silence that ends it, both in samples."""

    def __init__(self, steps: tuple[ScheduleStep, ...]) -> None:
        self._steps = steps

    def required_samples(self, age_samples: int) -> int:
        for step in self._steps:
            if step.max_age_ms is None or age_samples <= step.max_age_ms * SAMPLES_PER_MS:
                return step.silence_ms * SAMPLES_PER_MS
        raise AssertionError("a schedule ends with an unbounded step")


def parse_schedule(text: str) -> tuple[ScheduleStep, ...]:
    """`streaming`, `offline`, `5000:1500,20000:800,inf:300` or `[[5000,1500],[20000,800],[null,300]]`.

    Each pair is an age bound and a silence, in milliseconds. Raises `BadSilenceSchedule`.
    """
    text = text.strip()
    named = NAMED_STEPS.get(text.lower())
    if named is not None:
        return named
    try:
        pairs = json.loads(text) if text.startswith("[") else [pair.split(":") for pair in text.split(",")]
        steps = tuple(_step(age, silence) for age, silence in pairs)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadSilenceSchedule() from error
    _check(steps)
    return steps


def _step(age: object, silence: object) -> ScheduleStep:
    bound = math.inf if age is None else float(str(age))
    return ScheduleStep(None if bound == math.inf else int(bound), int(str(silence)))


def _check(steps: tuple[ScheduleStep, ...]) -> None:
    if not 1 <= len(steps) <= MAX_STEPS:
        raise BadSilenceSchedule(f"1 to {MAX_STEPS} pairs")
    bounds = [math.inf if step.max_age_ms is None else step.max_age_ms for step in steps]
    rising = all(earlier < later for earlier, later in itertools.pairwise(bounds))
    if bounds[0] <= 0 or not rising or bounds[-1] != math.inf:
        raise BadSilenceSchedule("ages rise from above 0, the last one is inf")
    if any(bound > MAX_AGE_MS for bound in bounds[:-1]):
        raise BadSilenceSchedule(f"ages of at most {MAX_AGE_MS} ms")
    if not all(MIN_SILENCE_MS <= step.silence_ms <= MAX_SILENCE_MS for step in steps):
        raise BadSilenceSchedule(f"silences of {MIN_SILENCE_MS} to {MAX_SILENCE_MS} ms")
