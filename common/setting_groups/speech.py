"""What is heard as speech, and when text of it is due."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from common.errors import BadSilenceSchedule
from common.setting_groups.checked import checked_by
from common.setting_groups.reach import Live, Rolling
from common.silence import parse_schedule


def _check_schedule(text: str) -> None:
    """Raises `ValueError`."""
    try:
        parse_schedule(text)
    except BadSilenceSchedule as error:
        raise ValueError(error.text) from error


_Schedule = Annotated[str, checked_by(_check_schedule)]


class Speech(BaseModel):
    vad: str = Field(default="silero", description="voice activity detector: silero, fsmn")
    vad_model: Path | None = Field(
        default=None, description="folder of the detector's model; its own if not given"
    )
    language: Live[str | None] = Field(default=None, description="language of sessions that set none")
    hotword_file: Live[Path | None] = Field(
        default=None, description="hotwords of sessions that set none, one a line"
    )
    silence_schedule: Live[_Schedule] = Field(
        default="streaming", description="streaming, offline or AGE_MS:SILENCE_MS,...,inf:MS"
    )
    segment_cap_ms: Rolling[int | None] = Field(
        default=None, ge=1_000, description="longest segment; the engine's if not given or longer"
    )
    partial_interval_ms: Rolling[int] = Field(
        default=480, ge=100, description="new audio between two partials, and before the first"
    )
    partial_window_ms: Rolling[int] = Field(
        default=8_000, ge=1_000, description="newest audio that a partial is decoded from"
    )
