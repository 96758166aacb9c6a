"""Errors about who may come in, and how much they may have; part of the table in `common.errors`."""

from __future__ import annotations

from common.error_base import VoxshardError


class NoCredentials(VoxshardError):
    code = "no_credentials"
    message = "this server wants an API key or a token"
    action = (
        "send `Authorization: Bearer KEY`; in a browser offer the subprotocols `voxshard`, `voxshard.key.KEY`"
    )
    close_code = 4401
    http_status = 401


class BadCredentials(VoxshardError):
    """Says no more than this, so that nobody learns which part of a guess was right."""

    code = "bad_credentials"
    message = "the API key or token is not valid here"
    action = "use a key that is in force, or a token for this server from an issuer that it knows"
    close_code = 4401
    http_status = 401


class TokenExpired(VoxshardError):
    code = "token_expired"
    message = "the token has expired"
    action = "get a new token, then connect again"
    close_code = 4401
    http_status = 401


class OriginRefused(VoxshardError):
    code = "origin_refused"
    message = "pages of this origin may not connect"
    action = "have the origin of the page added to the server's list"
    close_code = 4403
    http_status = 403


class StreamQuota(VoxshardError):
    code = "stream_quota"
    message = "as many streams are open as this tenant may have"
    action = "connect again after `retry_after_s`, or end another stream"
    close_code = 4429
    http_status = 429
    retryable = True


class AudioQuota(VoxshardError):
    code = "audio_quota"
    message = "as much audio has come as this tenant may send in a minute"
    action = "connect again after `retry_after_s`; what was said until then has been locked"
    close_code = 4429
    http_status = 429
    retryable = True
