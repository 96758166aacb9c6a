"""For the tests of real engines: how much of them to run."""

from __future__ import annotations

from typing import Final

import pytest

_QUICK: Final = 40


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "random clips that engines are compared on with what they have to equal"
    parser.addoption("--clips", type=int, default=_QUICK, help=f"{text} (default: {_QUICK})")
