from __future__ import annotations

import pytest

from worker.vad.registry import UnknownVad, create_vad
from worker.vad.silero import SileroVad


def test_a_detector_is_made_by_its_name() -> None:
    assert isinstance(create_vad("silero"), SileroVad)


@pytest.mark.parametrize("name", ["", "fsmn", "Silero"])
def test_an_unknown_name_is_an_error_that_names_what_there_is(name: str) -> None:
    with pytest.raises(UnknownVad, match=f"{name!r}; there is: silero"):
        create_vad(name)
