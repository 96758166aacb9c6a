from __future__ import annotations

import pytest

from tests.support.page_commands import PAGES, ROOT, BadPage, Block, Need, blocks, serves

PAGE = """# A page

```sh
make serve     # ready soon
# a word about it

curl http://127.0.0.1:8899/workers \\
    --silent
```

```text
ready
```

* In a list:

  <!-- given: redis-server --port 1 -->
  <!-- given: touch file -->
  ```sh
  voxshard status
  ```

<!-- needs: a GPU host -->
```sh
voxshard serve --engine fun-asr-nano
```

<!-- executed by: tests/chaos/restart.py -->
```sh
voxshard rolling-restart
```
"""


def test_commands_are_found_with_their_marks() -> None:
    assert blocks(PAGE) == [
        Block(4, ("make serve     # ready soon", "curl http://127.0.0.1:8899/workers      --silent")),
        Block(20, ("voxshard status",), given=("redis-server --port 1", "touch file")),
        Block(25, ("voxshard serve --engine fun-asr-nano",), need=Need.GPU),
        Block(30, ("voxshard rolling-restart",), executed_by="tests/chaos/restart.py"),
    ]
    assert [block.is_executed_here for block in blocks(PAGE)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("```bash\nls\n```\n", "not in ```bash"),
        ("<!-- needs: a coffee -->\n```sh\nls\n```\n", "no need that is known"),
        ("<!-- runs elsewhere -->\n```sh\nls\n```\n", "line 3: above it is a comment that is no mark"),
        ("<!-- needs: Docker -->\n\n```sh\nls\n```\n", "a mark without a block"),
        ("<!-- needs: Docker -->\n```text\nls\n```\n", "a mark without a block"),
        ("<!-- needs: Docker -->\n<!-- needs: a cluster -->\n```sh\nls\n```\n", "two needs"),
    ],
)
def test_what_would_not_be_read_as_it_was_meant_is_refused(page: str, message: str) -> None:
    with pytest.raises(BadPage) as raised:
        blocks(page)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("command", "does"),
    [
        ("make serve", True),
        ('make serve ARGS="--workers 3"', True),
        ("VOXSHARD_REDIS_URL=redis://h:1 .venv/bin/voxshard serve", True),
        ("voxshard serve --print-settings", False),
        ("make served", False),
        ("voxshard status", False),
    ],
)
def test_servers_are_known_by_their_command(command: str, does: bool) -> None:
    assert serves(command) is does


@pytest.mark.parametrize("page", PAGES)
def test_every_page_can_be_read_and_names_files_that_are_there(page: str) -> None:
    found = blocks((ROOT / page).read_text(encoding="utf-8"))
    assert found
    for block in found:
        if block.executed_by is None:
            continue
        text = (ROOT / block.executed_by).read_text(encoding="utf-8")
        for command in block.commands:
            program = command.split()[0].rpartition("/")[2]
            assert program in text, f"{page}:{block.line}: {block.executed_by} has no {program}"
