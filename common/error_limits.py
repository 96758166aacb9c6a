"""Errors of a client that takes too long: to speak, to begin, to end, to read; part of the
table in `common.errors`."""

from __future__ import annotations

from common.error_base import VoxshardError


class IdleTimeout(VoxshardError):
    code = "idle_timeout"
    message = "nothing was received for too long"
    action = "send audio or KEEPALIVE while the connection is to stay; if the network was gone, resume"
    close_code = 4408
    http_status = 408


class StartTimeout(VoxshardError):
    code = "start_timeout"
    message = "no session was running for too long"
    action = "connect when there is something to be said; KEEPALIVE does not count here"
    close_code = 4408
    http_status = 408


class SessionTooLong(VoxshardError):
    code = "session_too_long"
    message = "the session has lasted as long as one may"
    action = "begin another one; what was said has been locked"
    close_code = 1008


class SlowReader(VoxshardError):
    code = "slow_reader"
    message = "results are not being read"
    action = "read while you send"
    close_code = 1008
