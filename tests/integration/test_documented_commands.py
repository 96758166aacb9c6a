"""Every command of the documentation works as it stands there, but for those that a mark says need more.

How pages are marked: `tests/support/page_commands.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil
import pytest

from tests.support.fresh_machine import CommandFailed, FreshMachine
from tests.support.network import NoNamespaces
from tests.support.page_commands import PAGES, ROOT, Block, blocks

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def machine() -> Iterator[FreshMachine]:
    try:
        with FreshMachine() as machine:
            yield machine
    except NoNamespaces as error:
        if os.geteuid() == 0:
            raise
        pytest.skip(f"no network namespaces: {error}")


@pytest.mark.parametrize("page", PAGES)
def test_a_fresh_reader_can_follow_the_page(machine: FreshMachine, page: str) -> None:
    for block in blocks((ROOT / page).read_text(encoding="utf-8")):
        if block.is_executed_here:
            machine.follow(block)


@pytest.mark.parametrize(
    ("commands", "given", "said"),
    [
        (("true", "echo so && false"), (), "echo so && false: exit code 1\nso"),
        (("true",), ("exit 3",), "exit 3: exit code 3"),
        (("voxshard serve --workers 0",), (), "voxshard serve --workers 0: exit code 2"),
    ],
)
def test_command_that_fails_is_named(
    machine: FreshMachine, commands: tuple[str, ...], given: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CommandFailed) as raised:
        machine.follow(Block(1, commands, given))
    assert str(raised.value).startswith(said)


def test_nothing_that_was_started_is_left() -> None:
    seconds = f"{os.getpid()}.5"
    try:
        with FreshMachine() as machine:
            machine.follow(Block(1, ("true",), given=(f"sleep {seconds}",)))
            assert _running(seconds)
    except NoNamespaces as error:
        pytest.skip(f"no network namespaces: {error}")
    assert not _running(seconds)


def _running(argument: str) -> list[int]:
    # None: it has ended since it was listed.
    processes = psutil.process_iter(["cmdline"])
    return [process.pid for process in processes if argument in (process.info["cmdline"] or ())]
