"""What is heard as speech, and when text of it is due."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from common.errors import BadLanguage, BadSilenceSchedule
from common.language import parse_language
from common.setting_groups.checked import checked_by
from common.setting_groups.reach import Live, Rolling
from common.silence import parse_schedule


def _check_language(text: str) -> None:
    """Raises `ValueError`."""
    try:
        parse_language(text)
    except BadLanguage as error:
        raise ValueError(f"{text!r} is not {error.action}") from error


def _check_schedule(text: str) -> None:
    """Raises `ValueError`."""
    try:
        parse_schedule(text)
    except BadSilenceSchedule as error:
        raise ValueError(f"{error.text}: streaming, offline or AGE_MS:SILENCE_MS,...,inf:MS") from error


VadName = Literal["silero", "fsmn"]
_Language = Annotated[str, checked_by(_check_language)]
_Schedule = Annotated[str, checked_by(_check_schedule)]


class Speech(BaseModel):
    vad: VadName = Field(default="silero", description="voice activity detector: silero, fsmn")
    vad_model: Path | None = Field(
        default=None, description="folder of the detector's model; its own if not given"
    )
    language: Live[_Language | None] = Field(default=None, description="language of sessions that set none")
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

    @model_validator(mode="after")
    def _silero_comes_with_its_model(self) -> Self:
        if self.vad == "silero" and self.vad_model is not None:
            raise ValueError("vad_model is for other detectors: silero comes with its model")
        return self
