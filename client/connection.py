"""How a stream is opened, and what each way of losing it is called."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException
from websockets.http11 import Response

from client.view import ErrorEvent, ProtocolBroken
from common.errors import BY_CODE

CLOSE_TIMEOUT_S: Final = 2.0
NORMAL_CLOSE: Final = 1000
PROTOCOL_ERROR_CLOSE: Final = 1002
_LOST_CLOSE: Final = 1006
# Servers take the Chinese comma for one too.
_SEPARATORS: Final = ",，"
_RETRYABLE_CLOSES: Final = frozenset({1001, _LOST_CLOSE, 1011, 1012, 1013})


class StreamError(Exception):
    """The session is over and not whole.

    code: one of `common.errors.TABLE`, or the client's own: bad_url, no_server, handshake_refused,
        server_silent, protocol_broken, connection_closed, abandoned (left without `finish`).
    close_code: of the WebSocket, None if the close is none of the server's doing.
    retry_after_s: before that, trying again is in vain; None if the server has not said so.
    """

    def __init__(
        self,
        code: str,
        message: str,
        retryable: bool = False,
        close_code: int | None = None,
        *,
        retry_after_s: float | None = None,
    ) -> None:
        again = "" if retry_after_s is None else f"; try again in {retry_after_s:g} s"
        super().__init__(f"{code}: {message}{again}")
        self.code = code
        self.message = message
        self.retryable = retryable
        self.close_code = close_code
        self.retry_after_s = retry_after_s


def session_url(url: str, session_id: str | None, silence_schedule: str | None) -> str:
    """The address with what a session takes from it; its own query stays. Raises `StreamError`."""
    options = {"session_id": session_id, "silence_schedule": silence_schedule}
    given = {name: value for name, value in options.items() if value is not None}
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _bad_url(url) from error
    query = "&".join(filter(None, [parts.query, urlencode(given, quote_via=quote)]))
    return parts._replace(query=query).geturl()


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
    except (InvalidURI, ValueError) as error:
        raise _bad_url(url) from error
    except OSError as error:
        raise StreamError("no_server", f"no server at {url}", retryable=True) from error
    except InvalidStatus as error:
        raise _refused(url, error.response) from error
    except WebSocketException as error:
        raise StreamError("handshake_refused", f"{url} does not speak WebSocket") from error


def _refused(url: str, response: Response) -> StreamError:
    try:
        refusal = msgspec.json.decode(response.body or b"", type=_Refusal)
        after_s = refusal.retry_after_s
        return StreamError(refusal.code, refusal.message, refusal.retryable, retry_after_s=after_s)
    except msgspec.DecodeError:
        # Not one of ours, such as a proxy's.
        status = response.status_code
        retryable = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return StreamError("handshake_refused", f"{url} answered with HTTP {status}", retryable)


def session_error(event: ErrorEvent) -> StreamError:
    """What an error event that ends the session says; the close that follows it has a code of its own."""
    close_code = BY_CODE[event.code].close_code
    return StreamError(
        event.code, event.message, event.retryable, close_code, retry_after_s=event.retry_after_s
    )


def connection_closed(closed: ConnectionClosed) -> StreamError:
    """The connection ended although the session had not, and no error event said why."""
    code = closed.rcvd.code if closed.rcvd else _LOST_CLOSE
    reason = f": {closed.rcvd.reason}" if closed.rcvd and closed.rcvd.reason else ""
    message = f"the connection was closed early (code {code}{reason})"
    return StreamError("connection_closed", message, code in _RETRYABLE_CLOSES, code)


def protocol_broken(broken: ProtocolBroken) -> StreamError:
    return StreamError("protocol_broken", str(broken))


def server_silent(timeout_s: float) -> StreamError:
    return StreamError("server_silent", f"the server said nothing for {timeout_s:g} s", retryable=True)


def abandoned() -> StreamError:
    return StreamError("abandoned", "the session was left before it had finished")


def _bad_url(url: str) -> StreamError:
    return StreamError("bad_url", f"not a WebSocket address: {url}")
