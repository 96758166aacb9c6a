"""The ops port that every process has: /metrics, /healthz, /readyz and JSON views of its own state.

It runs on threads beside the event loop, so that a scrape costs live audio nothing and a busy loop still
answers. Routes are therefore called on those threads: they read plain attributes and change nothing.
"""

from __future__ import annotations

import logging
import socketserver
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from typing import Any, Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

log = logging.getLogger(__name__)

JSON_TYPE: Final = "application/json"
# A peer that connects and says nothing holds a thread; not for longer than this.
_PEER_TIMEOUT_S: Final = 5.0
_CLOSE_POLL_S: Final = 0.05


class OpsPortTaken(Exception):
    """The ops port cannot be listened on; the message names address, port and cause."""

    def __init__(self, host: str, port: int, cause: str) -> None:
        super().__init__(f"ops port {port} on {host} cannot be used: {cause}")


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content_type: str
    body: bytes


Route = Callable[[], Reply]


def json_reply(obj: object, status: int = HTTPStatus.OK) -> Reply:
    """`obj` is anything msgspec encodes: records, lists, dicts of plain values."""
    return Reply(status, JSON_TYPE, msgspec.json.encode(obj))


def metrics_reply(registry: CollectorRegistry) -> Reply:
    return Reply(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))


def ready_reply(ready: bool, detail: str) -> Reply:
    """200 when ready, else 503; `detail` says what is waited for."""
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return json_reply({"ready": ready, "detail": detail}, status)


class OpsServer:
    """Answers GET for `routes` (path to reply) from `start` until `close`; port 0 takes any free one."""

    def __init__(self, host: str, port: int, routes: Mapping[str, Route]) -> None:
        self._host = host
        self._port = port
        self._routes = routes
        self._running: tuple[_HttpServer, threading.Thread] | None = None

    @property
    def port(self) -> int:
        return self._running[0].server_port if self._running else self._port

    def start(self) -> None:
        """Listen and answer from now on. Raises `OpsPortTaken`."""
        try:
            server = _HttpServer(self._host, self._port, self._routes)
        except (OSError, OverflowError) as error:
            cause = getattr(error, "strerror", None) or str(error)
            raise OpsPortTaken(self._host, self._port, cause) from error
        thread = threading.Thread(target=server.serve_forever, args=(_CLOSE_POLL_S,), name="ops", daemon=True)
        thread.start()
        self._running = (server, thread)

    def close(self) -> None:
        """Stop listening; blocks for a moment. Closing twice, or before `start`, does nothing."""
        if self._running is None:
            return
        server, thread = self._running
        self._running = None
        server.shutdown()
        server.server_close()
        thread.join()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, routes: Mapping[str, Route]) -> None:
        self.routes = routes
        self.address_family = AF_INET6 if ":" in host else AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer would look its own name up in DNS here, which can take seconds on a host without DNS.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("ops connection broke", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer
    timeout = _PEER_TIMEOUT_S

    def do_GET(self) -> None:
        route = self.server.routes.get(self.path.partition("?")[0])
        self._send(_text(HTTPStatus.NOT_FOUND) if route is None else _answer(route))

    def _refuse(self) -> None:
        self._send(_text(HTTPStatus.METHOD_NOT_ALLOWED))

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def version_string(self) -> str:
        return "voxshard"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: probes and scrapes come every few seconds and would bury what matters."""


def _answer(route: Route) -> Reply:
    try:
        return route()
    except Exception:
        log.exception("ops route failed")
        return _text(HTTPStatus.INTERNAL_SERVER_ERROR)


def _text(status: HTTPStatus) -> Reply:
    return Reply(status, "text/plain; charset=utf-8", f"{status.phrase}\n".encode())
