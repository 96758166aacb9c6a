"""Name to detector; a detector's packages are imported only when it is chosen."""

from __future__ import annotations

from pathlib import Path

from common.setting_groups.speech import VadName
from worker.vad.base import VadModel


class VadUnusable(Exception):
    """A detector that cannot be made; the message is one sentence that says why."""


def create_vad(name: VadName, model: Path | None) -> VadModel:
    """The detector `name` from the folder `model`, or from where it is by default. Raises `VadUnusable`."""
    match name:
        case "silero":
            return _silero()
        case "fsmn":
            return _fsmn(model)


def _silero() -> VadModel:
    from worker.vad.silero import SileroVad  # noqa: PLC0415

    return SileroVad()


def _fsmn(model: Path | None) -> VadModel:
    try:
        from worker.vad.fsmn import FsmnVad  # noqa: PLC0415
        from worker.vad.fsmn_model import BadVadModel  # noqa: PLC0415
    except ImportError as error:
        raise VadUnusable(f"the detector fsmn needs the packages torch and funasr: {error}") from error
    try:
        return FsmnVad(model)
    except BadVadModel as error:
        raise VadUnusable(f"the detector fsmn cannot start: {error}") from error
