"""Spans of one process, on their way to a collector of OpenTelemetry traces: OTLP over HTTP.

Imported only where somebody collects them (`common.tracing`). Nobody waits for the collector: spans stand in
a bounded queue, which a thread of the SDK empties.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from common.errors import TABLE, Restarting
from common.metrics import CountSpans, SpanOutcome
from common.settings import Settings

log = logging.getLogger(__name__)

QUEUE: Final = 2_048
# Encoding holds the interpreter, for which the event loop then waits.
BATCH: Final = 64
# For what is left when the process ends, within the time that the supervisor gives it.
CLOSE_S: Final = 1.5
_PATH: Final = "/v1/traces"
_HEADER: Final = "traceparent"
_PROPAGATOR: Final = TraceContextTextMapPropagator()
# Odd, so that no two segments of a session share an id.
_STEP: Final = 0x9E37_79B9_7F4A_7C15
_FAULTS: Final = {error.code for error in TABLE if error.http_status >= 500} - {Restarting.code}

Attributes = Mapping[str, str | bool | int | float]


def _context(header: str) -> SpanContext:
    """Invalid if it is no `traceparent`."""
    return get_current_span(_PROPAGATOR.extract({_HEADER: header}, Context())).get_span_context()


def _utterance(session: SpanContext, segment: int) -> SpanContext:
    """Its gateway gives it this id, and every worker that has it knows that without being told."""
    number = (session.span_id + (segment + 1) * _STEP) % (1 << 64) or _STEP
    return SpanContext(session.trace_id, number, is_remote=True, trace_flags=session.trace_flags)


class _Ids(RandomIdGenerator):
    """Random, but for the next span if its id is `given`."""

    given = 0

    def generate_span_id(self) -> int:
        given, self.given = self.given, 0
        return given or super().generate_span_id()


class Tracing:
    """To be used by one thread. `ratio`: share of the traces begun here that are kept; who goes on with a
    trace keeps to what was decided when it began."""

    def __init__(self, processor: SpanProcessor, ratio: float, resource: Mapping[str, str]) -> None:
        self._ids = _Ids()
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(ratio),
            resource=Resource.create(dict(resource)),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("voxshard")

    def traceparent(self, span: Span) -> str:
        """For whoever goes on with the trace; empty where `OTEL_SDK_DISABLED` is set."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(span, Context()))
        return carrier.get(_HEADER, "")

    def is_kept(self, header: str) -> bool:
        """Whether the `traceparent` is one, of a trace that is kept."""
        return _context(header).trace_flags.sampled

    def session(self, parent: str, attributes: Attributes) -> Span:
        """Below the `traceparent` if it is one, else the first of a new trace."""
        return self._start("session", _context(parent), attributes, SpanKind.SERVER)

    def utterance(self, session: Span, segment: int) -> Span:
        context = session.get_span_context()
        self._ids.given = _utterance(context, segment).span_id
        return self._start("utterance", context, {"voxshard.segment": segment}, SpanKind.INTERNAL)

    def segment(self, session: str, segment: int, attributes: Attributes, start_ns: int | None) -> Span:
        """A worker's part of an utterance; `session`: its `traceparent`; begun at a Unix time, or now."""
        utterance = _utterance(_context(session), segment)
        about = {**attributes, "voxshard.segment": segment}
        return self._start("segment", utterance, about, SpanKind.SERVER, start_ns)

    def end(self, span: Span, outcome: str) -> None:
        """`outcome`: the code of an error, or how else it ended. Of several calls the first counts."""
        if span.is_recording():
            span.set_attribute("voxshard.outcome", outcome)
            if outcome in _FAULTS:
                span.set_status(Status(StatusCode.ERROR))
            span.end()

    def _start(
        self, name: str, parent: SpanContext, attributes: Attributes, kind: SpanKind, at: int | None = None
    ) -> Span:
        context = set_span_in_context(NonRecordingSpan(parent), Context())
        return self._tracer.start_span(name, context, kind, attributes, start_time=at)

    async def close(self) -> None:
        """Deliver what is left, for `CLOSE_S` at most."""
        # A daemon: the SDK waits for a collector that hangs far longer than a process may take to end.
        closing = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_S)


class Delivery(SpanExporter):
    """Counts what becomes of spans, and says when the collector is away; called on the SDK's thread."""

    def __init__(self, exporter: SpanExporter, count: CountSpans) -> None:
        self._exporter = exporter
        self._count = count
        self._delivers = True
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        try:
            result = self._exporter.export(spans)
        # Broad: whatever its library lets through would be said where nobody looks, and counted by nobody.
        except Exception as error:
            log.debug("exporter failed", exc_info=error)
            result = SpanExportResult.FAILURE
        delivers = result is SpanExportResult.SUCCESS
        self._count(SpanOutcome.SENT if delivers else SpanOutcome.FAILED, len(spans))
        if self._delivers and not delivers:
            log.warning("traces are not delivered")
        elif delivers and not self._delivers:
            log.info("traces are delivered again")
        self._delivers = delivers
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class SpanQueue(BatchSpanProcessor):
    """The SDK's, but what finds no room is counted; the SDK itself writes a line for each."""

    def __init__(self, delivery: Delivery, count: CountSpans) -> None:
        super().__init__(delivery, max_queue_size=QUEUE, max_export_batch_size=BATCH)
        self._delivery = delivery
        self._count = count
        self._given = 0

    def on_end(self, span: ReadableSpan) -> None:
        if self._given - self._delivery.taken >= QUEUE:
            self._count(SpanOutcome.DROPPED, 1)
            return
        self._given += 1
        super().on_end(span)


def open_tracing(settings: Settings, role: str, name: str, count: CountSpans) -> Tracing:
    """To the collector that the settings name."""
    if not log.isEnabledFor(logging.DEBUG):
        # It writes some lines for every batch that fails; `Delivery` says it once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    delivery = Delivery(OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint}".rstrip("/") + _PATH), count)
    resource = {
        "service.name": f"voxshard-{role}",
        "service.instance.id": name,
        "service.version": version("voxshard"),
        "voxshard.engine": settings.engine,
    }
    return Tracing(SpanQueue(delivery, count), settings.otlp_sample_ratio, resource)
