"""For all tests: the option `--url`, logs of a system that failed, a check for what unit tests leave."""

from __future__ import annotations

import asyncio
import asyncio.runners
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest

from tests.support.processes import Deployment

_UNIT_TESTS: Final = Path(__file__).with_name("unit")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--url", help="replay the traces against this live port instead of starting a system")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Deployment):
                report.sections.append((f"logs of {name}", value.logs))
    return report


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if _UNIT_TESTS not in request.path.parents:
        yield
        return
    left: list[str] = []
    cancel_all = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]

    def note_and_cancel(loop: asyncio.AbstractEventLoop) -> None:
        left.extend(task.get_name() for task in asyncio.all_tasks(loop))
        cancel_all(loop)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", note_and_cancel)
    yield
    assert not left, f"tasks left running: {left}"
    assert not _has_children(), f"processes left: {psutil.Process().children()}"


def _has_children() -> bool:
    """Running or not yet reaped."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
