from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from common.setting_groups.checked import Port, checked_by, off_or_from

Number = TypeAdapter(Annotated[str, checked_by(int)])


def test_a_text_that_can_be_read_stays_as_it_was_written() -> None:
    assert Number.validate_python(" 007 ") == " 007 "


def test_a_text_that_cannot_is_refused_with_the_reason() -> None:
    with pytest.raises(ValidationError, match="invalid literal for int"):
        Number.validate_python("seven")


@pytest.mark.parametrize("port", [0, 65_536])
def test_ports_are_those_that_there_are(port: int) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Port).validate_python(port)


LimitS = TypeAdapter(Annotated[float, off_or_from(2.0)])


@pytest.mark.parametrize("seconds", [0, 2, 60.5])
def test_a_limit_may_be_off(seconds: float) -> None:
    assert LimitS.validate_python(seconds) == seconds


@pytest.mark.parametrize("seconds", [-1, 0.1, 1.9])
def test_a_limit_that_is_not_off_has_a_least_value(seconds: float) -> None:
    with pytest.raises(ValidationError, match="0, or at least 2"):
        LimitS.validate_python(seconds)
