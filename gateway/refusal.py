"""What is said to whom is not let in: over HTTP before the upgrade, or in a dialect right after it."""

from __future__ import annotations

import math
from http import HTTPStatus

import msgspec

from common.errors import VoxshardError
from common.events import failure
from gateway.connection import Connection, Request
from gateway.dialects.base import Dialect
from gateway.metrics import GatewayMetrics


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Body of the answer over HTTP; the fields are those of an `error` event."""

    code: str
    message: str
    retryable: bool
    retry_after_s: float | None = None


def refusal_body(error: VoxshardError) -> str:
    refusal = Refusal(error.code, error.text, error.retryable, error.retry_after_s)
    return msgspec.json.encode(refusal).decode()


def refusal_headers(error: VoxshardError) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    return headers


class RefusedConnection:
    """Handler of a connection that is accepted only to say why it is closed."""

    def __init__(self, error: VoxshardError, dialect: Dialect, metrics: GatewayMetrics) -> None:
        self._error = error
        self._dialect = dialect
        self._metrics = metrics

    def connected(self, connection: Connection, request: Request) -> None:
        error = self._error
        for message in self._dialect.render(failure(error)):
            self._metrics.message_out(len(message))
            connection.send_text(message)
        if error.close_code is not None:
            connection.close(error.close_code, error.code)

    def text(self, message: str) -> None:
        """Nobody listens."""

    def binary(self, message: bytes) -> None:
        """Nobody listens."""

    def rejected(self, error: VoxshardError) -> None:
        """It is closed already."""

    def writable(self) -> None:
        """All has been said."""

    def closed(self, code: int) -> None:
        self._metrics.closed(code, self._error.code)
