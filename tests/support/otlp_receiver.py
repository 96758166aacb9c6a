"""A collector of traces that keeps what it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

_PATH: Final = "/v1/traces"


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Received:
    """A span; `process`: `service.name` of who made it. Ids in hexadecimal, `parent` empty without one."""

    process: str
    name: str
    trace: str
    id: str
    parent: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    resource: dict[str, Any]
    events: tuple[Event, ...]
    is_error: bool

    @property
    def outcome(self) -> Any:
        return self.attributes["voxshard.outcome"]

    @property
    def happened(self) -> list[str]:
        """Names of its events."""
        return [event.name for event in self.events]


class OtlpReceiver:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.paths: set[str] = set()
        self.keys: set[str | None] = set()
        self._spans: list[Received] = []

    @property
    def all(self) -> list[Received]:
        """What has come, by the time of its start."""
        return sorted(self._spans, key=lambda span: span.start_ns)

    def of(self, session: str, name: str) -> list[Received]:
        """Those called `name` of the traces that the session has a part in."""
        traces = {span.trace for span in self.all if span.attributes.get("session.id") == session}
        return [span for span in self.all if span.trace in traces and span.name == name]

    def took(self, path: str, key: str | None, body: bytes) -> None:
        self.paths.add(path)
        self.keys.add(key)
        self._spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))


def _spans(request: ExportTraceServiceRequest) -> Iterator[Received]:
    for resource in request.resource_spans:
        about = _values(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Received(
                    about["service.name"],
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    _values(span.attributes),
                    about,
                    tuple(Event(event.name, _values(event.attributes)) for event in span.events),
                    span.status.code == span.status.STATUS_CODE_ERROR,
                )


def _values(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}


@contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """On a port of its own until the block is left."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.took(
                self.path, self.headers["Api-Key"], self.rfile.read(int(self.headers["Content-Length"]))
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to be read there."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = OtlpReceiver(server.server_port)
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            serving.join()
