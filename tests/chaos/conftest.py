"""What the runs were and cost is printed behind the tests' results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from tests.chaos.conduct import verdict
from tests.chaos.figures import Run, Table, rows
from tests.chaos.violations import Violation
from tests.support.trouble import SEED

_SHOWN: Final = 20
_tables: Final = pytest.StashKey[list[tuple[str, Table]]]()

Judge = Callable[[Run], list[Violation]]
Show = Callable[[Table], None]


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Show:
    """These figures of the test are shown in the end."""

    def shown(table: Table) -> None:
        request.config.stash.setdefault(_tables, []).append((request.node.name, table))

    return shown


@pytest.fixture
def judge(show: Show) -> Judge:
    """The first violations of a run; its figures are shown in the end."""

    def judged(run: Run) -> list[Violation]:
        violations = verdict(run)
        show(rows(run, len(violations)))
        return violations[:_SHOWN]

    return judged


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, table in config.stash.get(_tables, []):
        terminalreporter.write_line(f"{name}, CHAOS_SEED={SEED}")
        for figure, value in table:
            terminalreporter.write_line(f"  {figure:<34}{value}")
