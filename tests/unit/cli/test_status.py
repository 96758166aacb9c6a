from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from typer.testing import CliRunner

from cli.main import app
from common.ops_server import OpsServer, Reply
from tests.support.ports import free_ports

WORKERS = {
    "workers": [
        {
            "id": "w0[red]",
            "pid": 41,
            "state": "ready",
            "gpu": None,
            "sessions": 7,
            "speaking": 3,
            "lag_ms": 12.6,
            "metrics_url": "http://127.0.0.1:9500/metrics",
        }
    ],
    "gateways": [{"id": "g0", "pid": 42, "state": "ready", "sessions": 7, "metrics_url": None}],
}


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """Address of a server whose /workers answers `body`."""
    server = OpsServer("127.0.0.1", 0, {"/workers": lambda: Reply(200, "application/json", body)})
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.close()


def test_json_is_printed_as_the_server_sent_it() -> None:
    body = json.dumps({**WORKERS, "later": [1]}, indent=3)
    with answering(body.encode()) as server:
        result = CliRunner().invoke(app, ["status", "--json", "--server", server + "/"])
    assert (result.exit_code, result.stdout) == (0, body + "\n")


def test_tables_show_every_worker_and_gateway_as_it_is() -> None:
    with answering(json.dumps(WORKERS).encode()) as server:
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["status", "--server", server])
    assert result.exit_code == 0
    worker, gateway = (line.split("│") for line in result.stdout.splitlines() if line.startswith("│"))
    assert [cell.strip() for cell in worker if cell] == [
        *("w0[red]", "41", "ready", "-", "7", "3", "13"),
        "http://127.0.0.1:9500/metrics",
    ]
    assert [cell.strip() for cell in gateway if cell] == ["g0", "42", "ready", "7", "-"]


def test_no_answer_is_one_line_and_exit_code_1() -> None:
    server = f"http://127.0.0.1:{free_ports(1)[0]}"
    result = CliRunner().invoke(app, ["status", "--server", server])
    assert result.exit_code == 1
    assert result.stderr == f"voxshard status: no answer from {server}/workers: Connection refused\n"


def test_answer_of_something_else_is_one_line_and_exit_code_1() -> None:
    with answering(b"<html>") as server:
        result = CliRunner().invoke(app, ["status", "--server", server])
    assert result.exit_code == 1
    assert result.stderr == f"voxshard status: {server} answers, but not with a list of workers\n"
