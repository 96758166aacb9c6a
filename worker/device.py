"""Whether the card of `--device` is there, before an engine spends a minute on its way to it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from common.settings import Settings
from worker.engines.registry import may_use_card
from worker.gpu import lacks_card


class NoCard(Exception):
    """The card that an engine is to compute on is not there; the message says what to do."""


def check_card(settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
    """For registered engines: what others do with a device is their own. Raises `NoCard`."""
    if may_use_card(settings.engine) and lacks_card(settings.device, environ):
        raise NoCard(
            f"there is no card for --device {settings.device}:"
            " nvidia-smi -L lists them; correct --device or CUDA_VISIBLE_DEVICES"
        )
