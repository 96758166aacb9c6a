"""Whether this process sends traces to a collector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.metrics import CountSpans
from common.settings import Settings

if TYPE_CHECKING:
    from common.otlp import Tracing


def make_tracing(settings: Settings, role: str, name: str, count: CountSpans) -> Tracing | None:
    """None unless the settings name a collector; then nothing of OpenTelemetry is loaded."""
    if settings.otlp_endpoint is None:
        return None
    from common.otlp import open_tracing  # noqa: PLC0415

    return open_tracing(settings, role, name, count)
