"""WebSocket connections on asyncio transports around the sans-I/O protocol of `websockets`.

Handshake, framing, pongs and the closing handshake are the library's. This module moves the bytes, keeps
the time limits and hands whole messages to a `Handler`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, TypeVarTuple, cast
from urllib.parse import parse_qsl, unquote

from websockets.exceptions import InvalidHeader, InvalidMessage, PayloadTooBig
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request as Handshake
from websockets.http11 import Response
from websockets.protocol import Event
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from common.errors import FrameTooLarge, InternalError, VoxshardError
from common.proxies import Proxies, client_address
from gateway.access.credentials import SUBPROTOCOL
from gateway.connection import DEFAULT_LIMITS, Connection, Factory, Handler, Limits, Request
from gateway.refusal import refusal_body, refusal_headers
from gateway.sockets import BACKLOG, bind_socket
from gateway.ws_assembly import Assembly
from gateway.ws_inflow import Inflow
from gateway.ws_sender import Phase, Sender
from gateway.ws_turns import Turns

__all__ = ["Connection", "Handler", "Limits", "Request", "listen", "serve"]

log = logging.getLogger(__name__)

# The library reads no frame above this. It is far above `Limits.message_bytes`, so that all but absurd
# messages are read to their end and the client gets to read why they were refused.
_LIBRARY_MAX_BYTES: Final = 1 << 20
# At debug level the library logs what the messages say, at info level two lines for every connection.
_LIBRARY_LOG: Final = logging.getLogger(f"{__name__}.library")
_LIBRARY_LOG.setLevel(logging.ERROR)
_NO_HANDSHAKE: Final = "no WebSocket handshake: that is a GET of HTTP/1.1 without a body\n"

Arguments = TypeVarTuple("Arguments")


def listen(
    host: str, port: int, *, reuse_port: bool = False, limits: Limits = DEFAULT_LIMITS
) -> socket.socket:
    """A socket to `serve` on. Raises `CannotListen`."""
    # A client's pings wait behind the audio that it has sent; less of it fits into a small buffer.
    return bind_socket(host, port, reuse_port=reuse_port, receive_buffer_bytes=limits.kernel_buffer_bytes)


async def serve(
    listener: socket.socket,
    factory: Factory,
    *,
    limits: Limits = DEFAULT_LIMITS,
    proxies: Proxies = (),
    slowed: Callable[[float], None] = lambda _: None,
) -> asyncio.Server:
    """Take connections until the server is closed; they outlive it.

    `proxies` are believed about whom they stand before. `slowed` is told whenever a connection has used up
    its share of the loop, and for how long it waits.
    """
    loop, turns = asyncio.get_running_loop(), Turns()
    return await loop.create_server(
        lambda: _Receiver(factory, limits, proxies, turns, slowed), sock=listener, backlog=BACKLOG
    )


class _Protocol(ServerProtocol):
    """A function given to the library instead would be bound to it, and it would refer to itself."""

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """Ours if it is among them. Other names, such as the `binary` of FunASR's clients, are let pass."""
        return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in subprotocols else None

    def fail(self, code: int, reason: str = "") -> None:
        """Where a message says why, the close frame has the code of that error, not the library's words."""
        super().fail(code, FrameTooLarge.code if code == CloseCode.MESSAGE_TOO_BIG else reason)

    def send_eof(self) -> None:
        """The library answers nothing to what it cannot read as a request; a proxy makes 502 of that."""
        if isinstance(self.handshake_exc, InvalidMessage):
            self.writes.append(self.reject(HTTPStatus.BAD_REQUEST, _NO_HANDSHAKE).serialize())
        super().send_eof()


class _Receiver(asyncio.Protocol):
    """The receiving half of a connection: bytes to frames to messages to the handler."""

    _inflow: Inflow
    _sender: Sender

    def __init__(
        self,
        factory: Factory,
        limits: Limits,
        proxies: Proxies,
        turns: Turns,
        slowed: Callable[[float], None],
    ) -> None:
        self._factory = factory
        self._limits = limits
        self._proxies = proxies
        self._turns = turns
        self._slowed = slowed
        self._library = _Protocol(max_size=_LIBRARY_MAX_BYTES, logger=_LIBRARY_LOG)
        self._assembly = Assembly(limits.message_bytes)
        # From the handshake to `closed`.
        self._handler: Handler | None = None
        self._peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        peer_socket = stream.get_extra_info("socket")
        peer_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._limits.kernel_buffer_bytes)
        stream.set_write_buffer_limits(high=self._limits.high_water_bytes)
        self._peer = _host(stream.get_extra_info("peername"))
        self._inflow = Inflow(stream, self._take_in, self._limits, self._turns, self._slowed)
        self._sender = Sender(stream, self._inflow, self._library, self._limits)

    def data_received(self, data: bytes) -> None:
        self._inflow.received(data)

    def _take_in(self, data: bytes) -> None:
        self._sender.heard()
        # Fed at once, what follows the request would be parsed as frames before the request is answered.
        while self._sender.phase is Phase.HANDSHAKE and (end := data.find(b"\n") + 1):
            self._feed(data[:end])
            data = data[end:]
        if self._sender.phase is Phase.CLOSING:
            self._sender.received_while_closing(len(data))
        self._feed(data)

    def eof_received(self) -> None:
        self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish()
        self._sender.lost()
        # It would refer to itself.
        self._library.parser.close()

    def pause_writing(self) -> None:
        self._sender.set_writable(False)

    def resume_writing(self) -> None:
        self._sender.set_writable(True)
        if self._handler is not None and self._sender.phase is not Phase.CLOSING:
            self._tell(self._handler.writable)

    def _feed(self, data: bytes) -> None:
        self._library.receive_data(data)
        for event in self._library.events_received():
            self._take(event)
        if isinstance(self._library.parser_exc, PayloadTooBig):
            self._reject(FrameTooLarge())
        self._sender.flush()
        if self._library.eof_sent:
            self._finish()

    def _take(self, event: Event) -> None:
        if isinstance(event, Handshake):
            self._answer(event)
        elif isinstance(event, Frame):
            self._receive(event)

    def _answer(self, handshake: Handshake) -> None:
        response = _accept(self._library, handshake)
        forwarded_for = handshake.headers.get_all("X-Forwarded-For")
        self._peer = client_address(self._proxies, self._peer, forwarded_for)
        request = _request(handshake, self._peer)
        handler: Handler | None = None
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            try:
                handler = self._factory(request)
            except VoxshardError as error:
                response = _refusal(self._library, error)
            except Exception:
                log.exception("connection handler failed", extra={"peer": self._peer})
                response = _refusal(self._library, InternalError())
        self._library.send_response(response)
        self._sender.flush()
        if handler is not None:
            self._handler = handler
            self._sender.open()
            self._tell(handler.connected, self._sender, request)

    def _receive(self, frame: Frame) -> None:
        if self._handler is None or self._sender.phase is not Phase.OPEN:
            return
        try:
            message = self._assembly.push(frame)
        except VoxshardError as error:
            self._reject(error)
            return
        if isinstance(message, str):
            self._tell(self._handler.text, message)
        elif message is not None:
            self._tell(self._handler.binary, message)

    def _reject(self, error: VoxshardError) -> None:
        if self._handler is not None and self._sender.phase is Phase.OPEN:
            self._sender.reject()
            self._tell(self._handler.rejected, error)

    def _finish(self) -> None:
        self._sender.finish()
        handler, self._handler = self._handler, None
        if handler is not None:
            self._tell(handler.closed, self._close_code())

    def _close_code(self) -> int:
        close = self._library.close_sent or self._library.close_rcvd
        return CloseCode.ABNORMAL_CLOSURE if close is None else close.code

    def _tell(self, callback: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        try:
            callback(*arguments)
        except Exception:
            log.exception("connection handler failed", extra={"peer": self._peer})
            self._sender.close(CloseCode.INTERNAL_ERROR)


def _accept(library: ServerProtocol, handshake: Handshake) -> Response:
    response = library.accept(handshake)
    invalid = library.handshake_exc
    if response.status_code == HTTPStatus.BAD_REQUEST and isinstance(invalid, InvalidHeader):
        # The library would repeat the header as a whole, and a key may stand in it.
        return library.reject(HTTPStatus.BAD_REQUEST, f"missing or invalid {invalid.name} header\n")
    return response


def _refusal(library: ServerProtocol, error: VoxshardError) -> Response:
    response = library.reject(error.http_status, refusal_body(error))
    for name, value in refusal_headers(error).items():
        # Assigned to, a name of this type of headers would stand there twice.
        response.headers.pop(name, None)
        response.headers[name] = value
    return response


def _request(handshake: Handshake, peer: str) -> Request:
    path, _, query = handshake.path.partition("?")
    return Request(
        path=unquote(path),
        query=_first_values(parse_qsl(query, keep_blank_values=True)),
        headers=_first_values([(name.lower(), value) for name, value in handshake.headers.raw_items()]),
        peer=peer,
    )


def _first_values(pairs: list[tuple[str, str]]) -> dict[str, str]:
    return dict(reversed(pairs))


def _host(peername: tuple[str, int] | None) -> str:
    return "unknown" if peername is None else peername[0]
