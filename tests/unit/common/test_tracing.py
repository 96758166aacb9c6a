from __future__ import annotations

import subprocess
import sys

import pytest

from common import otlp
from common.metrics import SpanOutcome
from common.settings import load_settings
from common.tracing import make_tracing

# Others may look for the API, as the client of Redis does: that is small, and does nothing.
LOADED = """
import gateway.process, worker.process, sys
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
"""


def count(outcome: SpanOutcome, spans: int) -> None:
    raise AssertionError("nothing was traced")


def test_without_a_collector_there_is_nothing() -> None:
    assert make_tracing(load_settings({}, {}), "gateway", "0", count) is None


def test_with_one_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(otlp, "open_tracing", lambda *about: told.append(about))
    settings = load_settings({"otlp_endpoint": "http://collector:4318"}, {})
    make_tracing(settings, "gateway", "0", count)
    assert told == [(settings, "gateway", "0", count)]


def test_processes_load_the_sdk_only_for_a_collector() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
