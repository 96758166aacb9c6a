"""A command that is given in another container than its supervisor's tells nobody anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cli.reload import Reloads
from common.ops_client import fetch_text
from tests.support.containers import CONTAINER, needs_container
from tests.support.processes import Deployment, Plan

pytestmark = [pytest.mark.timeout(120), needs_container]


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment(Plan()) as running:
        yield running


@pytest.mark.parametrize("command", [("drain", "0"), ("rolling-restart", "--gateways"), ("reload",)])
def test_it_ends_with_1_and_one_line_that_says_what_to_do(
    deployment: Deployment, command: tuple[str, ...]
) -> None:
    before = deployment.children()
    voxshard = str(Path(sys.executable).with_name("voxshard"))
    url = deployment.supervisor_url
    done = subprocess.run(
        [*CONTAINER, voxshard, *command, "--supervisor", url],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"voxshard: the processes of {url} are not those of this host and container:"
        " give the command where that supervisor runs\n"
    )
    assert deployment.children() == before
    page = fetch_text(f"{url}/reloads", 5.0)
    assert msgspec.json.decode(page, type=Reloads).reloads == 0
