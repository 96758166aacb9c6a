from __future__ import annotations

import socket

import pytest

import client.retry


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a session is resumed."""
    monkeypatch.setattr(client.retry, "FIRST_PAUSE_S", 0.02)
