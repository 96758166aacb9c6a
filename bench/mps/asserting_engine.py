"""`--engine bench.mps.asserting_engine:create`: Fun-ASR-Nano as it is, with a trap.

At SIGUSR1 a kernel of the engine's process fails an assertion, as one with a wrong index does. The product
itself holds no switch for it.
"""

from __future__ import annotations

import asyncio
import signal

from common.settings import Settings
from worker.engines.base import SegmentEngine
from worker.engines.hosted.engine import HostedEngine


def create(settings: Settings) -> HostedEngine:
    """In the worker, as for Fun-ASR-Nano itself: the engine in a process of its own."""
    return HostedEngine(settings.model_copy(update={"engine": f"{__name__}:trapped"}), "engine")


def trapped(settings: Settings) -> SegmentEngine:
    """In the engine's process, which is to be sent the signal."""
    from worker.engines.encoder_llm.engine import create as fun_asr_nano  # noqa: PLC0415

    engine = fun_asr_nano(settings)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _fail, engine.capabilities.device)
    return engine


def _fail(device: str) -> None:
    import torch  # noqa: PLC0415

    torch._assert_async(torch.zeros(1, device=device))
