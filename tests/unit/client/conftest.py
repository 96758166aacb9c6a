from __future__ import annotations

import pytest

import client.retry
from tests.support.ports import free_ports


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    [port] = free_ports(1)
    return port


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a session is resumed."""
    monkeypatch.setattr(client.retry, "FIRST_PAUSE_S", 0.02)
