"""Makes the voice activity detector once."""

from __future__ import annotations

from cli.doctor.checks.engine import DetectorFacts
from common.settings import Settings
from worker.vad.registry import VadUnusable, create_vad


def probe_detector(settings: Settings) -> DetectorFacts:
    try:
        create_vad(settings.vad, settings.vad_model)
    except VadUnusable as error:
        return DetectorFacts(str(error))
    # A library or a model that is not there.
    except (ImportError, OSError) as error:
        return DetectorFacts(f"the detector {settings.vad} cannot start: {error}")
    return DetectorFacts()
