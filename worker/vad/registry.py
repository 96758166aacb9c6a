"""Name to detector; a detector's packages are imported only when it is chosen."""

from __future__ import annotations

from worker.vad.base import VadModel


class UnknownVad(Exception):
    """No detector has this name."""


def create_vad(name: str) -> VadModel:
    match name:
        case "silero":
            from worker.vad.silero import SileroVad  # noqa: PLC0415

            return SileroVad()
        case _:
            raise UnknownVad(f"no voice activity detector is called {name!r}; there is: silero")
