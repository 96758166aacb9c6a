from __future__ import annotations

import pytest

from common.log_levels import checked_levels, level_of


@pytest.mark.parametrize(
    ("text", "process", "level"),
    [
        ("info", "worker-1", "info"),
        ("info,worker-1=debug", "worker-1", "debug"),
        ("info,worker-1=debug", "worker-11", "info"),
        ("info,worker=warning,worker-1=debug", "worker-1", "debug"),
        ("info,worker=warning,worker-1=debug", "worker-2", "warning"),
        ("error,supervisor=info", "supervisor", "info"),
    ],
)
def test_the_closest_word_counts(text: str, process: str, level: str) -> None:
    assert level_of(checked_levels(text), process) == level


@pytest.mark.parametrize(
    "text", ["", "loud", "INFO", "info,", "info,worker-1", "info,worker-1=", "info,=debug"]
)
def test_what_is_no_level_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"level|NAME=LEVEL"):
        checked_levels(text)
