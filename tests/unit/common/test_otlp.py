from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span

from common import otlp
from common.errors import EngineFailed, Restarting, SessionInUse
from common.metrics import SpanOutcome
from common.otlp import BATCH, QUEUE, Delivery, SpanQueue, Tracing, open_tracing
from common.settings import load_settings
from tests.support.aio import run
from tests.support.kept_spans import KeptSpans, outcome, parent_id
from tests.support.otlp_receiver import otlp_receiver

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOT_KEPT = CLIENT.removesuffix("01") + "00"


class Counted:
    def __init__(self) -> None:
        self.spans = dict.fromkeys(SpanOutcome, 0)

    def __call__(self, outcome: SpanOutcome, count: int) -> None:
        self.spans[outcome] += count


class Collector(SpanExporter):
    """Takes what it is given while it is `open`; what it does then stands in `result`."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.result = SpanExportResult.SUCCESS

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.entered.set()
        self.open.wait()
        return self.result

    def shutdown(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _library_log() -> Iterator[None]:
    library = logging.getLogger("opentelemetry")
    level = library.level
    yield
    library.setLevel(level)


def hexadecimal(span: Span) -> tuple[str, str]:
    context = span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def test_a_session_goes_on_with_the_trace_that_it_is_told() -> None:
    spans = KeptSpans()
    session = spans.tracing.session(CLIENT, {"session.id": "call"})
    trace, own = hexadecimal(session)
    assert trace in CLIENT
    assert own not in CLIENT
    header = spans.tracing.traceparent(session)
    assert header.startswith(f"00-{trace}-{own}-")
    assert spans.tracing.is_kept(header)
    session.end()
    assert parent_id(spans.all[0]) == int(CLIENT[36:52], 16)


@pytest.mark.parametrize("header", ["", "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "x" * 10_000])
def test_what_is_no_trace_begins_one(header: str) -> None:
    spans = KeptSpans()
    assert not spans.tracing.is_kept(header)
    spans.tracing.session(header, {}).end()
    assert parent_id(spans.all[0]) is None


@given(st.lists(st.integers(0, 10_000), unique=True, max_size=20))
def test_worker_and_gateway_mean_the_same_utterance_without_being_told(segments: list[int]) -> None:
    spans = KeptSpans()
    session = spans.tracing.session("", {})
    header = spans.tracing.traceparent(session)
    # Another process.
    worker = KeptSpans()
    ids = set()
    for segment in segments:
        ids.add(spans.tracing.utterance(session, segment).get_span_context().span_id)
        worker.tracing.segment(header, segment, {}, None).end()
    assert {parent_id(span) for span in worker.all} == ids
    assert len(ids) == len(segments)
    # Nobody else is given such an id.
    assert len({span.context.span_id for span in worker.all} | ids) == 2 * len(segments)


def test_a_segment_has_begun_when_it_was_heard() -> None:
    spans = KeptSpans()
    spans.tracing.segment(CLIENT, 3, {"session.id": "call"}, 1_700_000_000_000_000_000).end()
    [span] = spans.all
    assert span.start_time == 1_700_000_000_000_000_000
    assert dict(span.attributes or {}) == {"session.id": "call", "voxshard.segment": 3}


def test_a_share_of_the_traces_is_kept_and_whoever_goes_on_keeps_to_that() -> None:
    none, every = KeptSpans(ratio=0), KeptSpans(ratio=1)
    left_out = none.tracing.session("", {})
    assert not left_out.is_recording()
    header = none.tracing.traceparent(left_out)
    assert not every.tracing.is_kept(header)
    assert not every.tracing.session(header, {}).is_recording()
    assert not every.tracing.session(NOT_KEPT, {}).is_recording()
    assert none.tracing.session(CLIENT, {}).is_recording()


def test_without_the_sdk_nobody_is_told_of_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracing = KeptSpans().tracing
    assert tracing.traceparent(tracing.session("", {})) == ""


@pytest.mark.parametrize(
    ("how", "is_error"),
    [("stopped", False), (EngineFailed.code, True), (Restarting.code, False), (SessionInUse.code, False)],
)
def test_the_first_end_counts_and_faults_of_ours_are_errors(how: str, is_error: bool) -> None:
    spans = KeptSpans()
    session = spans.tracing.session("", {})
    spans.tracing.end(session, how)
    spans.tracing.end(session, "client")
    [span] = spans.all
    assert outcome(span) == how
    assert (not span.status.is_ok) == is_error


def test_what_becomes_of_spans_is_counted_and_said_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    collector, counted = Collector(), Counted()
    collector.open.set()
    delivery = Delivery(collector, counted)
    for collector.result, spans in [
        (SpanExportResult.SUCCESS, 1),
        (SpanExportResult.FAILURE, 2),
        (SpanExportResult.FAILURE, 3),
        (SpanExportResult.SUCCESS, 4),
    ]:
        assert delivery.export([ReadableSpan("span")] * spans) is collector.result
    assert counted.spans == {SpanOutcome.SENT: 5, SpanOutcome.FAILED: 5, SpanOutcome.DROPPED: 0}
    assert [record.getMessage() for record in caplog.records] == [
        "traces are not delivered",
        "traces are delivered again",
    ]


def test_an_exporter_that_raises_has_not_delivered(caplog: pytest.LogCaptureFixture) -> None:
    class Raises(Collector):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            raise ValueError("not caught by the library")

    counted = Counted()
    assert Delivery(Raises(), counted).export([ReadableSpan("span")] * 3) is SpanExportResult.FAILURE
    assert counted.spans[SpanOutcome.FAILED] == 3
    assert "traces are not delivered" in caplog.messages


def held_up(collector: Collector, counted: Counted) -> Tracing:
    """The queue is empty, and what comes now waits."""
    tracing = Tracing(SpanQueue(Delivery(collector, counted), counted), 1.0, {})
    for _ in range(BATCH):
        tracing.session("", {}).end()
    assert collector.entered.wait(10)
    return tracing


def test_what_the_queue_has_no_room_for_is_dropped_and_counted() -> None:
    collector, counted = Collector(), Counted()
    tracing = held_up(collector, counted)
    for _ in range(QUEUE + 5):
        tracing.session("", {}).end()
    assert counted.spans[SpanOutcome.DROPPED] == 5
    collector.open.set()
    run(tracing.close())
    assert counted.spans[SpanOutcome.SENT] == BATCH + QUEUE


def test_the_end_waits_for_no_collector_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "CLOSE_S", 0.05)
    collector, counted = Collector(), Counted()
    tracing = held_up(collector, counted)
    begun_at = time.monotonic()
    run(tracing.close())
    assert time.monotonic() - begun_at < 5
    assert counted.spans[SpanOutcome.SENT] == 0
    collector.open.set()


def test_spans_come_to_the_collector_with_who_made_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=some")
    counted = Counted()
    with otlp_receiver() as receiver:
        settings = load_settings({"otlp_endpoint": receiver.url + "/", "engine": "some"}, {})
        tracing = open_tracing(settings, "worker", "host:1", counted)
        tracing.session("", {}).end()
        run(tracing.close())
    [span] = receiver.all
    assert (span.process, receiver.paths, receiver.keys) == ("voxshard-worker", {"/v1/traces"}, {"some"})
    assert span.resource["service.instance.id"] == "host:1"
    assert span.resource["voxshard.engine"] == "some"
    assert span.resource["deployment.environment"] == "test"
    assert counted.spans[SpanOutcome.SENT] == 1


@pytest.mark.parametrize(("level", "is_heard"), [("info", False), ("debug", True)])
def test_the_library_speaks_only_to_who_looks_for_faults(
    level: str, is_heard: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(otlp, "OTLPSpanExporter", lambda endpoint: Collector())
    settings = load_settings({"otlp_endpoint": "http://collector", "log_level": f"info,gateway={level}"}, {})
    caplog.set_level(level.upper())
    tracing = open_tracing(settings, "gateway", "0", Counted())
    library = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    assert library.isEnabledFor(logging.ERROR) == is_heard
    run(tracing.close())


def test_the_queue_is_the_sdks() -> None:
    assert issubclass(SpanQueue, BatchSpanProcessor)
