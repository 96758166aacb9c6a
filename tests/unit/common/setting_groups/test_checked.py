from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from common.setting_groups.checked import Port, checked_by

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
