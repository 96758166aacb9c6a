"""What each way of losing a session is called. Pure."""

from __future__ import annotations

from typing import Final

from client.view import ErrorEvent, ProtocolBroken
from common.audio import samples_to_seconds

_RETRYABLE_CLOSES: Final = frozenset({1001, 1006, 1011, 1012, 1013})


class StreamError(Exception):
    """The session is over and not whole.

    code: one of `common.errors.TABLE`, or the client's own: bad_url, no_server, handshake_refused,
        server_silent, server_vanished, protocol_broken, connection_closed, stopped_early, resume_gap (audio
        that the server needs again is no longer kept), abandoned (left without `finish`).
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


def session_error(event: ErrorEvent, close_code: int | None) -> StreamError:
    """What an error event says that ends the session, with the code of the close that follows it."""
    return StreamError(
        event.code, event.message, event.retryable, close_code, retry_after_s=event.retry_after_s
    )


def connection_closed(code: int, reason: str) -> StreamError:
    """The connection ended although the session had not, and no error event said why."""
    told = f": {reason}" if reason else ""
    message = f"the connection was closed early (code {code}{told})"
    return StreamError("connection_closed", message, code in _RETRYABLE_CLOSES, code)


def given_up(first: StreamError, tried_s: float) -> StreamError:
    """Nobody would take the session up again after it was lost by `first`."""
    message = f"{first.message}; tried to resume for {tried_s:.0f} s"
    return StreamError(first.code, message, first.retryable, first.close_code)


def resume_gap(wanted: int, kept: int) -> StreamError:
    """The server begins again at sample `wanted`, the audio is kept from sample `kept` on."""
    missing_s = samples_to_seconds(kept - wanted)
    return StreamError("resume_gap", f"{missing_s:.1f} s of audio that the server needs again are gone")


def stopped_early() -> StreamError:
    return StreamError("stopped_early", "the server had ended the session before it was resumed")


def protocol_broken(broken: ProtocolBroken) -> StreamError:
    return StreamError("protocol_broken", str(broken))


def server_silent(timeout_s: float) -> StreamError:
    return StreamError("server_silent", f"the server said nothing for {timeout_s:g} s", retryable=True)


def server_vanished() -> StreamError:
    return StreamError("server_vanished", "the network does not reach the server any more", retryable=True)


def abandoned() -> StreamError:
    return StreamError("abandoned", "the session was left before it had finished")
