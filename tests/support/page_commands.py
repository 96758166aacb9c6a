"""The commands of a page of documentation, and what its author says of them. Pure.

Every ```sh block of the README and of docs/ is executed by `tests/integration/test_documented_commands.py`,
unless it is marked. How a page is written:

* A line is a command; one that ends in a backslash goes on in the next. All are executed from the top of the
  page to its end, in a folder that looks like a fresh checkout, on a machine of their own: no network, all
  ports free. Each has to end with 0.
* `make serve`, `make topology` and `voxshard serve` run on once they have said `ready`, until the next of
  them or the end of the page: what a page starts first is what its later commands talk to.
* `talk.mp3` is there, a recording. The machine also has the address 10.0.0.7.

Marks are HTML comments above the block, one a line, nothing between them and the block:

    <!-- given: COMMAND -->       executed before the block, and left running if it does not end within a
                                  second: what readers have already, a Redis, a file
    <!-- needs: a GPU host -->    not executed. Other needs: `Docker`, `a cluster`, `a machine of its own` (on
                                  which packages or units are installed)
    <!-- executed by: FILE -->    not executed here but in that file, which names the programs
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = tuple(
    str(page.relative_to(ROOT))
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if "```sh\n" in page.read_text(encoding="utf-8")
)

_SERVER: Final = re.compile(r"\bmake (serve|topology)\b|\bvoxshard serve\b")
_BLOCK: Final = re.compile(r"((?:^ *<!-- [^\n]* -->\n)*)^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_MARK: Final = re.compile(r"^ *<!-- (given|needs|executed by): (.+) -->$", re.MULTILINE)
_OTHER_SHELLS: Final = frozenset({"bash", "shell", "console", "zsh"})


class Need(Enum):
    GPU = "a GPU host"
    DOCKER = "Docker"
    CLUSTER = "a cluster"
    MACHINE = "a machine of its own"


class BadPage(Exception):
    """A block or its marks are not as described above; the message says where."""


@dataclass(frozen=True, slots=True)
class Block:
    """`line`: of the page, from 1, where its commands begin. `given`: what is executed before them."""

    line: int
    commands: tuple[str, ...]
    given: tuple[str, ...] = ()
    need: Need | None = None
    executed_by: str | None = None

    @property
    def is_executed_here(self) -> bool:
        return self.need is None and self.executed_by is None


def blocks(page: str) -> list[Block]:
    """Those with commands, in order. Raises `BadPage`."""
    found = list(_blocks(page))
    marks = sum(len(block.given) + (not block.is_executed_here) for block in found)
    if marks != len(_MARK.findall(page)):
        raise BadPage("there is a mark without a block below it, or a block with two needs")
    return found


def _blocks(page: str) -> Iterator[Block]:
    for match in _BLOCK.finditer(page):
        above, language, body = match.groups()
        line = page.count("\n", 0, match.start(3)) + 1
        if language in _OTHER_SHELLS:
            raise BadPage(f"line {line}: commands stand in ```sh blocks, not in ```{language}")
        if language == "sh":
            yield _block(line, above, body)


def _block(line: int, above: str, body: str) -> Block:
    marks = _MARK.findall(above)
    if len(marks) != len(above.splitlines()):
        raise BadPage(f"line {line}: above it is a comment that is no mark")
    told = {kind: what for kind, what in marks if kind != "given"}
    try:
        need = Need(told["needs"]) if "needs" in told else None
    except ValueError as error:
        raise BadPage(f"line {line}: {error} is no need that is known") from None
    given = tuple(what for kind, what in marks if kind == "given")
    return Block(line, tuple(_commands(body)), given, need, told.get("executed by"))


def _commands(body: str) -> Iterator[str]:
    for line in body.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def serves(command: str) -> bool:
    """Whether it runs on once it is ready."""
    return _SERVER.search(command) is not None and "--print-settings" not in command
