"""Errors about whose a session is, and whether it can go on; part of the table in `common.errors`."""

from __future__ import annotations

from common.error_base import VoxshardError


class BadSessionId(VoxshardError):
    code = "bad_session_id"
    message = "a session id is a letter or digit and up to 127 more, or dots, colons, dashes, underscores"
    action = "choose another id or let the server make one"
    close_code = 4400


class SessionInUse(VoxshardError):
    code = "session_in_use"
    message = "a live session has this id"
    action = "choose another id, or wait until the other session has ended"
    close_code = 4409
    http_status = 409


class SessionResumed(VoxshardError):
    code = "session_resumed"
    message = "the session goes on over another connection"
    action = "nothing, if that connection is yours: one session is resumed by one connection at a time"
    close_code = 4409
    http_status = 409


class BadResumeToken(VoxshardError):
    code = "bad_resume_token"
    message = "not a resume token of this server, or another tenant's"
    action = "resume with the newest `resume_token` and the key of the session; else begin a new one"
    close_code = 4403
    http_status = 403


class ResumeExpired(VoxshardError):
    code = "resume_expired"
    message = "the resume token has expired"
    action = "begin a new session"
    close_code = 4410
    http_status = 410


class SessionUnknown(VoxshardError):
    code = "session_unknown"
    message = "nothing is known of this session any more"
    action = "begin a new session and send the audio since the last locked sentence"
    close_code = 4404
    http_status = 404


class CannotLookUp(VoxshardError):
    code = "registry_away"
    message = "sessions of other gateways cannot be looked up at the moment"
    action = "resume again after `retry_after_s`"
    close_code = 1013
    http_status = 503
    retryable = True
