"""Engine and detector, which were tried out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cli.doctor.finding import Cause, Finding
from common.settings import Settings


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """`trouble`: why it did not start; None if it did."""

    trouble: str | None = None


def check_engine(settings: Settings, facts: EngineFacts) -> Iterator[Finding]:
    if facts.trouble is None:
        return
    known = settings.engine == "moonshine" and settings.model is None
    yield Finding(
        Cause.ENGINE_BROKEN,
        f"engine {settings.engine} does not start: {facts.trouble}",
        "workers end with code 3",
        "pip install --force-reinstall -e '.[client,server,cpu]'" if known else "correct --engine or --model",
    )


@dataclass(frozen=True, slots=True)
class DetectorFacts:
    """`trouble`: why it cannot be made; None if it was."""

    trouble: str | None = None


def check_detector(settings: Settings, facts: DetectorFacts) -> Iterator[Finding]:
    if facts.trouble is not None:
        yield Finding(
            Cause.DETECTOR_BROKEN,
            facts.trouble,
            "workers end with code 3",
            "pip install --force-reinstall -e '.[client,server]'"
            if settings.vad == "silero"
            else "correct --vad or --vad-model",
        )
