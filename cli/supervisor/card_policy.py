"""What does a worker's end tell of its card? No I/O."""

from __future__ import annotations

from enum import Enum

from cli.supervisor.ends import ended_by_itself
from common.process import BOOT_FAILED, CARD_LOST


class Trouble(Enum):
    """`FAULT`: CUDA told a worker, or did not take it as a client; or the MPS server says so. `DAEMON`: the
    MPS daemon is gone."""

    FAULT = "fault"
    DAEMON = "daemon"


class Witness(Enum):
    """Whether there was a fault. `PERHAPS`: an engine may die of one without knowing."""

    YES = "yes"
    PERHAPS = "perhaps"
    NO = "no"


def witness(code: int | None) -> Witness:
    """Of a worker that ended with this exit code; None: it was never ready in time."""
    if code == CARD_LOST:
        return Witness.YES
    # Whoever cannot boot for another reason says it in its log.
    if code is None or code == BOOT_FAILED or not ended_by_itself(code):
        return Witness.NO
    return Witness.PERHAPS
