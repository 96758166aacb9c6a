"""Which errors are the card's: what goes wrong there stays wrong for the process that was told of it."""

from __future__ import annotations

import re
from typing import Final

from worker.engines.base import CardLost, EngineDead
from worker.mps import NotAttached

# As torch, its allocator and Triton write them. Under MPS a fault of one process reaches all on the card.
_OF_CUDA: Final = re.compile(r"CUDA (driver )?error|Triton Error \[CUDA\]|cudaGetDeviceCount")
# The one thing that may be right a moment later.
_FULL: Final = "out of memory"


def is_card_error(error: BaseException) -> bool:
    """Whether a new process, and perhaps the other workers of the card too, are needed to go on."""
    if isinstance(error, CardLost | NotAttached):
        return True
    return (
        isinstance(error, RuntimeError)
        and _OF_CUDA.search(str(error)) is not None
        and _FULL not in str(error)
    )


def engine_dead(message: str, error: BaseException) -> EngineDead:
    """What to raise when `error` ends an engine: `CardLost` if it is the card's."""
    return (CardLost if is_card_error(error) else EngineDead)(message)
