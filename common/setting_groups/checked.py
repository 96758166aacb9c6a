"""Kinds of values that more than one group has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field

Port = Annotated[int, Field(ge=1, le=65_535)]


def checked_by(check: Callable[[str], object]) -> AfterValidator:
    """Texts that `check` reads without a `ValueError`; they stay as they were written."""

    def checked(text: str) -> str:
        check(text)
        return text

    return AfterValidator(checked)


def off_or_from(least: float) -> AfterValidator:
    """Numbers from `least` on; 0 turns it off."""

    def checked(number: float) -> float:
        if number and number < least:
            raise ValueError(f"0, or at least {least:g}")
        return number

    return AfterValidator(checked)
