"""The HTTP port: health, metrics and the view of the host. FastAPI on uvicorn, in the gateway's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final

import msgspec
import uvicorn
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST

from common.proxies import Proxies
from gateway.host_view import HostView, UnknownWorker, WorkerSilent

# Requests of the moment may end; idle connections are closed at once.
GRACE_S: Final = 2
# Longer than proxies keep idle connections (60 s): a request that meets the close of one is lost.
KEEP_IDLE_S: Final = 75


class HttpError(msgspec.Struct, frozen=True):
    code: str
    message: str


def create_app(view: HostView, ready: Callable[[], bool]) -> FastAPI:
    app = FastAPI(title="Voxshard")

    @app.get("/healthz")
    async def healthz() -> Response:
        return _json({"status": "ok"})

    @app.get("/readyz")
    async def readyz() -> Response:
        is_ready = ready()
        return _json({"ready": is_ready}, HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(await view.metrics(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/workers")
    async def workers() -> Response:
        return _json(await view.rows())

    @app.get("/workers/{worker}")
    async def worker_sessions(worker: str) -> Response:
        try:
            return _json(await view.sessions(worker))
        except UnknownWorker:
            return _error(HTTPStatus.NOT_FOUND, "unknown_worker", "no worker has this id")
        except WorkerSilent:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, "worker_silent", "the worker does not answer")

    return app


class HttpServer:
    """Serves `app` on a listening socket, from `start` until `stop`; signals are left to the process."""

    def __init__(self, app: FastAPI, listener: socket.socket, proxies: Proxies = ()) -> None:
        """`proxies` are believed about whom, and what scheme, they stand before."""
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            # Its warnings are about what clients send, and no request is to be in the log.
            log_level="error",
            access_log=False,
            server_header=False,
            forwarded_allow_ips=list(map(str, proxies)),
            timeout_keep_alive=KEEP_IDLE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = _Server(config)
        self._listener = listener
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Answer from the next turn of the loop on; until then connections wait in the socket."""
        serving = self._server.serve(sockets=[self._listener])
        self._task = asyncio.get_running_loop().create_task(serving, name="http")

    async def stop(self) -> None:
        """Let requests end and close the socket. Raises what the server died of, if it did."""
        self._server.should_exit = True
        task, self._task = self._task, None
        if task is not None:
            await task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none: the gateway drains its sessions before it lets anything stop."""
        yield


def _json(body: object, status: int = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _error(status: HTTPStatus, code: str, message: str) -> Response:
    return _json(HttpError(code, message), status)
