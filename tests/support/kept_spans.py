"""Tracing whose spans a test can look at as soon as they have ended."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from common.otlp import Tracing


class KeptSpans:
    def __init__(self, ratio: float = 1.0) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing = Tracing(SimpleSpanProcessor(self._exporter), ratio, {"service.name": "test"})

    @property
    def all(self) -> list[ReadableSpan]:
        """In the order in which they ended."""
        return list(self._exporter.get_finished_spans())

    def of(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all if span.name == name]


def outcome(span: ReadableSpan) -> object:
    return (span.attributes or {})["voxshard.outcome"]


def happened(span: ReadableSpan) -> list[tuple[str, dict[str, object]]]:
    """Its events, each with what else it says, names without our prefix."""
    return [
        (
            event.name,
            {key.removeprefix("voxshard."): value for key, value in (event.attributes or {}).items()},
        )
        for event in span.events
    ]


def parent_id(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id
