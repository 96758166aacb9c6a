"""Every rule of the protocol, replayed against a running system: our own, or any that `--url` names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.trace import FOLDER, matches, read_trace, replay
from tests.support.processes import Deployment, Plan
from tests.support.wire import in_loop

TRACES = sorted(FOLDER.glob("*.jsonl"))


@pytest.fixture(scope="module")
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment | None]:
    """None if another system is to be asked."""
    if request.config.getoption("url"):
        yield None
        return
    with Deployment(Plan(workers=2)) as deployment:
        yield deployment
        assert " ERROR " not in deployment.logs
        assert deployment.metrics().total("asr_gateway_connections") == 0


@pytest.mark.parametrize("path", TRACES, ids=[path.stem for path in TRACES])
@in_loop
async def test_server_keeps_to_the_trace(
    path: Path, deployment: Deployment | None, request: pytest.FixtureRequest
) -> None:
    trace = read_trace(path)
    if deployment is None and trace.header.needs == "scripted":
        pytest.skip("the trace holds text of the scripted engine")
    await replay(trace, deployment.url if deployment else request.config.getoption("url").rstrip("/"))


@pytest.mark.parametrize(
    ("expected", "found", "agree"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, True),
        ({"a": "~[0-9]+"}, {"a": "12"}, True),
        ({"a": "~[0-9]+"}, {"a": "12 ms"}, False),
        ({"a": "x"}, {"a": "xy"}, False),
        ({"a": None}, {"a": None}, True),
        ({"a": None}, {}, False),
    ],
)
def test_expected_message_is_a_part_of_the_found_one(expected: object, found: object, agree: bool) -> None:
    assert matches(expected, found) is agree
