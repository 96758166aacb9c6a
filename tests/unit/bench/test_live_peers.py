from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from bench.peers.launch import FunasrSetup, PeerError, funasr_servers
from tests.support.ports import free_ports

LISTENS = """
import socket, sys, time
port = int(sys.argv[sys.argv.index("--port") + 1])
listening = socket.create_server(("127.0.0.1", port))
time.sleep(60)
"""
FAILS = """
import sys
sys.exit("no such checkpoint")
"""


def setup(folder: Path, program: str, *ports: int) -> FunasrSetup:
    """The program stands in for the interpreter that has FunASR."""
    python = folder / "python"
    python.write_text(f"#!{sys.executable}\n{program}", encoding="utf-8")
    python.chmod(0o755)
    return FunasrSetup(Path("model"), ports, python=str(python))


def test_command_names_checkpoint_port_cap_and_flags() -> None:
    made = FunasrSetup(Path("/m"), (7,), cap=32, flags=("--device", "cpu"), python="py")
    program = ["py", "-m", "bench.peers.funasr_realtime", "/m"]
    assert made.command(7) == [*program, "--port", "7", "--cap", "32", "--", "--device", "cpu"]


def test_servers_listen_and_are_ended_again(tmp_path: Path) -> None:
    ports = tuple(free_ports(2))
    with funasr_servers(setup(tmp_path, LISTENS, *ports)) as servers:
        assert servers == tuple(f"ws://127.0.0.1:{port}" for port in ports)
        assert len(psutil.Process().children()) == 2
    assert psutil.Process().children() == []


def test_server_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    failing = setup(tmp_path, FAILS, *free_ports(1))
    with pytest.raises(PeerError, match="ended with 1\nno such checkpoint"), funasr_servers(failing):
        pass


def test_port_in_use_is_not_taken_for_the_peer(tmp_path: Path) -> None:
    [port] = free_ports(1)
    twice = setup(tmp_path, LISTENS, port, port)
    with pytest.raises(PeerError, match=f"port {port} is in use"), funasr_servers(twice):
        pass
