"""Ask another process of this system over HTTP. Blocking: event loops call it through `to_thread`."""

from __future__ import annotations

import urllib.request
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError, URLError

import msgspec

MAX_BODY_BYTES: Final = 16 << 20


class FetchFailed(Exception):
    """No usable answer; the message is one line that names the address and the cause."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(f"{url}: {cause}")


def fetch_json(url: str, timeout_s: float) -> Any:
    """The decoded body of a 2xx answer. Raises `FetchFailed`, also for a body that is not JSON."""
    try:
        return msgspec.json.decode(fetch_text(url, timeout_s))
    except msgspec.DecodeError as error:
        raise FetchFailed(url, "the answer is not JSON") from error


def fetch_text(url: str, timeout_s: float) -> str:
    """The body of a 2xx answer. `timeout_s` bounds each wait for the peer. Raises `FetchFailed`."""
    try:
        with _OPENER.open(url, timeout=timeout_s) as response:
            body: bytes = response.read(MAX_BODY_BYTES + 1)
    except HTTPError as error:
        error.close()
        raise FetchFailed(url, f"answered {error.code}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise FetchFailed(url, _cause(error)) from error
    if len(body) > MAX_BODY_BYTES:
        raise FetchFailed(url, f"the answer is larger than {MAX_BODY_BYTES} bytes")
    return body.decode(errors="replace")


def _cause(error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def _opener() -> urllib.request.OpenerDirector:
    """Only http and https: no proxy between processes of one system, no redirects, no file: or ftp:."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


_OPENER: Final = _opener()
