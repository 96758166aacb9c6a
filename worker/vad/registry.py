"""Name to detector; a detector's packages are imported only when it is chosen."""

from __future__ import annotations

from pathlib import Path

from worker.vad.base import VadModel


class UnknownVad(Exception):
    """No detector has this name, or it cannot be made; the message is one sentence that says why."""


def create_vad(name: str, model: Path | None) -> VadModel:
    """The detector `name` from the folder `model`, or from where it is by default. Raises `UnknownVad`."""
    match name:
        case "silero":
            return _silero(model)
        case "fsmn":
            return _fsmn(model)
        case _:
            raise UnknownVad(f"no voice activity detector is called {name!r}; there are: silero, fsmn")


def _silero(model: Path | None) -> VadModel:
    if model is not None:
        raise UnknownVad("silero comes with its model; vad_model is for other detectors")
    from worker.vad.silero import SileroVad  # noqa: PLC0415

    return SileroVad()


def _fsmn(model: Path | None) -> VadModel:
    try:
        from worker.vad.fsmn import FsmnVad  # noqa: PLC0415
        from worker.vad.fsmn_model import BadVadModel  # noqa: PLC0415
    except ImportError as error:
        raise UnknownVad(f"the detector fsmn needs the packages torch and funasr: {error}") from error
    try:
        return FsmnVad(model)
    except BadVadModel as error:
        raise UnknownVad(f"the detector fsmn cannot start: {error}") from error
