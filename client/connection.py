"""How a connection for a session is opened, watched and closed, and what is said on it first."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping
from http import HTTPStatus
from ssl import SSLCertVerificationError
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.http11 import Response

from client.failures import StreamError
from client.vanished import TCP_INFO_BYTES, PeerSilence, Watch

CLOSE_TIMEOUT_S: Final = 2.0
NORMAL_CLOSE: Final = 1000
PROTOCOL_ERROR_CLOSE: Final = 1002
LOST_CLOSE: Final = 1006
# The kernel's sixth repeat, mostly after 12.6 s, may still be answered.
VANISHED_AFTER_S: Final = 15.0
_LOOK_EVERY_S: Final = 1.0
# Servers take the Chinese comma for one too.
_SEPARATORS: Final = ",，"
_SESSION_ID: Final = "session_id"


def session_url(url: str, session_id: str | None, silence_schedule: str | None) -> str:
    """The address with what a session takes from it; its own query stays. Raises `StreamError`."""
    options = {_SESSION_ID: session_id, "silence_schedule": silence_schedule}
    given = {name: value for name, value in options.items() if value is not None}
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _bad_url(url) from error
    query = "&".join(filter(None, [parts.query, urlencode(given, quote_via=quote)]))
    return parts._replace(query=query).geturl()


def resume_url(url: str) -> str:
    """The same for a session that is resumed: it has an id, and a place among those of its tenant."""
    parts = urlsplit(url)
    fields = [field for field in parts.query.split("&") if field and field.partition("=")[0] != _SESSION_ID]
    return parts._replace(query="&".join([*fields, "resume=true"])).geturl()


def opening_commands(
    language: str | None, hotwords: tuple[str, ...], replacements: Mapping[str, str]
) -> list[str]:
    """Texts to send before and with START. Raises ValueError for a word that the protocol cannot carry."""
    pairs = [f"{wrong}=>{right}" for wrong, right in replacements.items()]
    if any(separator in word for word in (*hotwords, *pairs) for separator in _SEPARATORS):
        raise ValueError("hotwords and replacements cannot contain a comma")
    options = {"LANGUAGE": language, "HOTWORDS": ",".join(hotwords), "POSTPROCESS_HOTWORDS": ",".join(pairs)}
    return [*(f"{name}:{value}" for name, value in options.items() if value), "START"]


class _Refusal(msgspec.Struct, frozen=True):
    """Body of the answer of a server that does not let us in."""

    code: str
    message: str
    retryable: bool
    retry_after_s: float | None = None


async def open_connection(url: str, api_key: str | None = None) -> ClientConnection:
    """`api_key` may be a token. Raises `StreamError` if there is no such server or it does not let us in."""
    headers = None if api_key is None else {"Authorization": f"Bearer {api_key}"}
    try:
        # A busy server may be late with a pong, which is no reason to give a session up.
        return await connect(
            url,
            additional_headers=headers,
            compression=None,
            max_size=None,
            ping_timeout=None,
            close_timeout=CLOSE_TIMEOUT_S,
        )
    except SSLCertVerificationError as error:
        # Both an OSError and a ValueError; to try again, or another address, is of no use.
        message = f"the certificate of {url} cannot be trusted: {error.verify_message}"
        raise StreamError("handshake_refused", message) from error
    except (InvalidURI, ValueError) as error:
        raise _bad_url(url) from error
    except OSError as error:
        raise StreamError("no_server", f"no server at {url}", retryable=True) from error
    except InvalidStatus as error:
        raise _refused(url, error.response) from error
    except InvalidMessage as error:
        raise _no_answer(url, error) from error
    except WebSocketException as error:
        raise _not_websocket(url) from error


def _refused(url: str, response: Response) -> StreamError:
    try:
        refusal = msgspec.json.decode(response.body or b"", type=_Refusal)
        after_s = refusal.retry_after_s
        return StreamError(refusal.code, refusal.message, refusal.retryable, retry_after_s=after_s)
    except msgspec.DecodeError:
        # Not one of ours, such as a proxy's.
        status = response.status_code
        retryable = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        message = f"{url} answered with HTTP {status}"
        after_s = _seconds(response.headers.get("Retry-After", ""))
        return StreamError("handshake_refused", message, retryable, retry_after_s=after_s)


def _seconds(retry_after: str) -> float | None:
    """The header may hold a date instead, which is no bound that a clock of this machine could tell."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else None


def _no_answer(url: str, error: InvalidMessage) -> StreamError:
    """A server that dies in the handshake hangs up; one of another kind says something else."""
    if isinstance(error.__cause__, EOFError):
        return StreamError("no_server", f"{url} hung up without an answer", retryable=True)
    return _not_websocket(url)


async def abort_when_vanished(connection: ClientConnection) -> None:
    """End it once its server has vanished without a word; TCP would go on trying for a quarter of an hour.

    Something is on its way to the server then, audio, or a ping at the latest: there is one every 20 s. On
    other systems than Linux, which do not tell, this waits for ever.
    """
    watch, loop = Watch(VANISHED_AFTER_S), asyncio.get_running_loop()
    while True:
        silence = _peer_silence(connection)
        if silence is not None and watch.vanished(silence, loop.time()):
            break
        await asyncio.sleep(_LOOK_EVERY_S)
    connection.transport.abort()


def _peer_silence(connection: ClientConnection) -> PeerSilence | None:
    """None if the system does not tell, or nothing more because the socket is closing."""
    if sys.platform != "linux" or connection.transport.is_closing():
        return None
    tcp = connection.transport.get_extra_info("socket")
    return PeerSilence.of(tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES))


async def hang_up(connection: ClientConnection, code: int) -> None:
    """Close it in order, or for good after `CLOSE_TIMEOUT_S`; nobody else may be receiving."""
    # Unread messages would hold back the server's answer to the close.
    draining = asyncio.create_task(_drain(connection), name="stream-drain")
    try:
        await connection.close(code)
    finally:
        # Does nothing after an orderly close; if that was cancelled, the socket must not stay open.
        connection.transport.abort()
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)


async def _drain(connection: ClientConnection) -> None:
    async for _ in connection:
        pass


def closed_by(closed: ConnectionClosed) -> tuple[int, str]:
    """Close code and reason of the server; 1006 if it has given none."""
    return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (LOST_CLOSE, "")


def _not_websocket(url: str) -> StreamError:
    return StreamError("handshake_refused", f"{url} does not speak WebSocket")


def _bad_url(url: str) -> StreamError:
    return StreamError("bad_url", f"not a WebSocket address: {url}")
