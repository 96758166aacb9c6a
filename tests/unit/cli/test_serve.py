from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.serve import addresses
from common.ops_client import fetch_json
from common.settings import load_settings
from tests.support.card_engine import FAKE
from tests.support.children import ROOT
from tests.support.ports import free_ports
from tests.support.processes import wait_until

# Processes have to start, and the machine may be busy.
WITHIN_S = 30.0

READY_CHILD = """
import signal
import engine_of_the_current_folder
from common.child import child_arguments
from common.notify import notify_ready
from common.process import end_with_parent
end_with_parent(child_arguments("child").parent)
notify_ready()
signal.pause()
"""
BROKEN_CHILD = "raise SystemExit(3)"
SLOW_CHILD = READY_CHILD.replace("notify_ready()\n", "")


def flags(ports: list[int], *more: str) -> list[str]:
    names = ("--port", "--http-port", "--gateway-ops-port", "--worker-ops-port", "--supervisor-ops-port")
    pairs = [text for name, port in zip(names, ports, strict=True) for text in (name, str(port))]
    return ["serve", "--workers", "1", *pairs, *more]


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a name short enough for the sockets inside."""
    with tempfile.TemporaryDirectory(prefix="vs-") as path:
        yield Path(path)


@contextmanager
def serving(folder: Path, child: str, ports: list[int], *more: str) -> Iterator[subprocess.Popen[str]]:
    """`voxshard serve` whose workers and gateways are `child`; TMPDIR is `folder`/tmp.

    It reports to `folder`/starter.sock, where nobody listens unless the test does.
    """
    here, modules, tmp = folder / "here", folder / "modules", folder / "tmp"
    # What lies in the current folder must not be taken for our own packages.
    for main, code in (
        *((modules / role / "__main__.py", child) for role in ("worker", "gateway")),
        (here / "worker" / "__main__.py", "raise SystemExit('the wrong worker')"),
    ):
        main.parent.mkdir(parents=True)
        # The rest of the package stays our own.
        main.with_name("__init__.py").write_text(f"__path__.append({str(ROOT / main.parent.name)!r})")
        main.write_text(code)
    (here / "engine_of_the_current_folder.py").touch()
    tmp.mkdir()
    environ = {
        **os.environ,
        "PYTHONPATH": f"{modules}{os.pathsep}{ROOT}",
        "TMPDIR": str(tmp),
        "NOTIFY_SOCKET": str(folder / "starter.sock"),
    }
    argv = [sys.executable, "-P", "-c", "from cli.main import main; main()", *flags(ports, *more)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=here, env=environ, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_until_ready(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if lines[-1] == "ready":
            return lines
    raise AssertionError(f"never ready: {lines}")


def test_serve_tells_where_to_connect_and_ends_clean_at_a_signal(folder: Path) -> None:
    ports = free_ports(5)
    with serving(folder, READY_CHILD, ports) as process:
        lines = lines_until_ready(process)
        assert lines[:2] == [f"live ws://127.0.0.1:{ports[0]}", f"http http://127.0.0.1:{ports[1]}"]
        children = fetch_json(f"http://127.0.0.1:{ports[4]}/children", 5)["children"]
        assert [(child["name"], child["state"]) for child in children] == [
            ("worker-0", "ready"),
            ("gateway-0", "ready"),
        ]
        (run_dir,) = (folder / "tmp").iterdir()
        assert (run_dir / "settings.json").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_S) == 0
    assert list((folder / "tmp").iterdir()) == []


def test_a_signal_while_the_mps_daemon_starts_leaves_neither_it_nor_the_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{FAKE}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_MPS", "slow")
    with serving(folder, READY_CHILD, free_ports(5), "--mps", "on") as process:
        wait_until(
            lambda: list((folder / "tmp").glob("*/mps-logs/output.log")), WITHIN_S, "it is being started"
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_S) == 0
    assert list((folder / "tmp").iterdir()) == []


def test_serve_tells_whoever_started_it(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as starter:
        starter.bind(str(folder / "starter.sock"))
        starter.settimeout(WITHIN_S)
        with serving(folder, READY_CHILD, free_ports(5)) as process:
            assert starter.recv(100) == f"READY=1\nMAINPID={process.pid}".encode()
            process.send_signal(signal.SIGINT)
            assert process.wait(WITHIN_S) == 0


def test_serve_tells_systemd_that_it_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as starter:
        starter.bind(str(folder / "starter.sock"))
        starter.settimeout(WITHIN_S)
        with serving(folder, READY_CHILD, free_ports(5)) as process:
            words = {"READY=1": 0, "WATCHDOG=1": 0}
            while not (words["READY=1"] and words["WATCHDOG=1"] > 1):
                word, pid = starter.recv(100).decode().split("\n")
                assert pid == f"MAINPID={process.pid}"
                words[word] += 1
            process.send_signal(signal.SIGINT)
            assert process.wait(WITHIN_S) == 0


def test_serve_gives_up_with_3_when_a_child_cannot_boot(folder: Path) -> None:
    with serving(folder, BROKEN_CHILD, free_ports(5)) as process:
        stdout, stderr = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 3
    assert stdout == ""
    assert stderr.splitlines()[-1] == (
        "voxshard serve: worker-0 could not boot (its own log says why); it was never ready"
    )
    assert list((folder / "tmp").iterdir()) == []


def test_serve_waits_for_a_child_no_longer_than_the_boot_timeout(folder: Path) -> None:
    with serving(folder, SLOW_CHILD, free_ports(5), "--boot-timeout", "0.1") as process:
        _, stderr = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 3
    assert (
        stderr.splitlines()[-1] == "voxshard serve: worker-0 was not ready within 0.1 s; it was never ready"
    )


def test_model_that_cannot_be_prepared_ends_with_2_before_any_worker(folder: Path) -> None:
    with serving(folder, READY_CHILD, free_ports(5), "--engine", "fun-asr-nano", "--model", "/no") as process:
        stdout, stderr = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, stdout) == (2, "")
    assert stderr.splitlines() == [
        "voxshard serve: there is no model folder /no, and an id at a hub looks like OWNER/NAME"
    ]
    assert list((folder / "tmp").iterdir()) == []


def test_taken_port_ends_with_2_before_anything_is_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        taken = int(owner.getsockname()[1])
        result = CliRunner().invoke(app, flags([*free_ports(4), taken]))
    assert result.exit_code == 2
    assert result.stderr == (
        f"voxshard serve: port {taken} on 127.0.0.1 is taken: stop what listens there, "
        "or choose another with --supervisor-ops-port\n"
    )


def test_a_redis_that_no_way_leads_to_ends_with_2_and_is_not_named() -> None:
    redis = "redis://:secret@no.such.name.invalid"
    result = CliRunner().invoke(app, flags(free_ports(5), "--redis-url", redis))
    assert result.exit_code == 2
    assert "set --advertise-host" in result.stderr
    assert "secret" not in result.stderr and "no.such" not in result.stderr


@pytest.mark.parametrize(
    ("flag", "value", "told"),
    [
        (
            "--engine",
            "whisper",
            "engine: no engine is called 'whisper'; there are: moonshine",
        ),
        ("--hotword-file", "/none", "hotword_file: /none: No such file or directory"),
        ("--tenants-file", "/none", "tenants_file: /none: No such file or directory"),
        ("--redis-url", "redis://127.0.0.1?n=1", "redis_url: the options of this address cannot be used"),
    ],
)
def test_what_children_would_not_start_with_ends_with_2_before_any_is_started(
    flag: str, value: str, told: str
) -> None:
    result = CliRunner().invoke(app, flags(free_ports(5), flag, value))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"voxshard serve: {told}")
    assert len(result.stderr.splitlines()) == 1


def test_unusable_run_dir_ends_with_2(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    result = CliRunner().invoke(app, flags(free_ports(5), "--run-dir", str(tmp_path)))
    assert result.exit_code == 2
    assert "chmod 700" in result.stderr


@pytest.mark.parametrize(
    ("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("10.0.0.7", "10.0.0.7")]
)
def test_addresses_can_be_connected_to_as_they_are(host: str, shown: str) -> None:
    settings = load_settings({"host": host, "http_host": host, "ops_host": host, "gateways": 2}, {})
    assert addresses(settings) == [
        f"live ws://{shown}:10095",
        f"http http://{shown}:8899",
        f"ops gateway-0 http://{shown}:9400",
        f"ops gateway-1 http://{shown}:9401",
        f"ops worker-0 http://{shown}:9500",
        f"ops worker-1 http://{shown}:9501",
        f"ops supervisor http://{shown}:9600",
    ]


def test_addresses_without_gateways_are_none_for_clients() -> None:
    settings = load_settings({"gateways": 0, "workers": 1, "redis_url": "redis://10.0.0.7"}, {})
    assert addresses(settings) == [
        "ops worker-0 http://127.0.0.1:9500",
        "ops supervisor http://127.0.0.1:9600",
    ]


def test_addresses_behind_a_proxy_are_those_that_it_needs() -> None:
    settings = load_settings({"proxied": True, "gateways": 2, "workers": 1}, {})
    assert addresses(settings)[:4] == [
        "live ws://127.0.0.1:11095",
        "live ws://127.0.0.1:11096",
        "http http://127.0.0.1:18899",
        "http http://127.0.0.1:18900",
    ]
