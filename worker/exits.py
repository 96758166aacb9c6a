"""How a worker ends when nobody has told it to: one line in its log, and an exit code for the reason."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from common.advertise import NoAdvertiseHost
from common.process import BOOT_FAILED, CARD_LOST, FAULT
from common.registry.base import UnusableUrl
from worker.device import NoCard
from worker.engines.base import CardLost, EngineDead
from worker.engines.registry import UnknownEngine
from worker.vad.registry import VadUnusable

log = logging.getLogger(__name__)

ENGINE_DIED: Final = 4


class BootFailed(Exception):
    """The worker never became ready; starting it again would not help."""


class CardUnusable(BootFailed):
    """For a reason that lies with the card."""


@contextmanager
def told_and_exited() -> Iterator[None]:
    """Around all that a worker does. Whatever it raises ends the process: the cause is in the log, as every
    other line is."""
    try:
        yield
    except* (BootFailed, NoAdvertiseHost, NoCard, UnknownEngine, VadUnusable, UnusableUrl) as errors:
        log.critical("cannot boot", exc_info=errors)
        raise SystemExit(CARD_LOST if errors.subgroup(CardUnusable) else BOOT_FAILED) from None
    except* EngineDead as errors:
        log.critical("engine died", exc_info=errors)
        # Not by SystemExit, which would wait for a thread that hangs in the engine.
        os._exit(CARD_LOST if errors.subgroup(CardLost) else ENGINE_DIED)
    except* Exception as errors:
        log.critical("worker ended by an error", exc_info=errors)
        raise SystemExit(FAULT) from None
