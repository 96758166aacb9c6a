"""Every error a client can see: whose fault, which code, what it does to the session, what to do next.

One class per cause; those of access, limits and sessions have files of their own, and are had from here all
the same. `TABLE` is the single list; docs/errors.md prints it (tests compare the two).
Close codes: 1007 bad text, 1008 policy, 1009 too big, 1011 ours, 1012 restart, 1013 overload,
4400-4499 mirror HTTP 4xx. `close_code` None means that the session outlives the mistake.
"""

from __future__ import annotations

from typing import Final

from common.error_access import (
    AudioQuota,
    BadCredentials,
    NoCredentials,
    OriginRefused,
    StreamQuota,
    TokenExpired,
)
from common.error_base import VoxshardError
from common.error_limits import IdleTimeout, SessionTooLong, SlowReader, StartTimeout
from common.error_session import (
    BadResumeToken,
    BadSessionId,
    CannotLookUp,
    ResumeExpired,
    SessionInUse,
    SessionResumed,
    SessionUnknown,
)

__all__ = [
    "BY_CODE",
    "REFUSALS",
    "TABLE",
    "AlreadyStarted",
    "AudioQuota",
    "BadCredentials",
    "BadHotwords",
    "BadJson",
    "BadLanguage",
    "BadResumeToken",
    "BadSessionId",
    "BadSilenceSchedule",
    "BadText",
    "BadTimestamps",
    "CannotLookUp",
    "ContainerAudio",
    "EngineFailed",
    "FrameTooLarge",
    "IdleTimeout",
    "InternalError",
    "NoCredentials",
    "NoWorker",
    "NotStarted",
    "OddFrame",
    "OriginRefused",
    "Overloaded",
    "Restarting",
    "ResumeExpired",
    "SessionEvicted",
    "SessionInUse",
    "SessionResumed",
    "SessionTooLong",
    "SessionUnknown",
    "SlowReader",
    "StartTimeout",
    "StopWithoutStart",
    "StreamQuota",
    "TokenExpired",
    "UnknownCommand",
    "UnsupportedMessage",
    "VoxshardError",
    "WorkerLost",
]


class OddFrame(VoxshardError):
    code = "odd_frame"
    message = "audio frame dropped: PCM16 frames have an even number of bytes"
    action = "send whole 16-bit samples"


class FrameTooLarge(VoxshardError):
    code = "frame_too_large"
    message = "messages on a live stream are at most 65536 bytes"
    action = "send frames of about 100 ms (3200 bytes)"
    close_code = 1009
    http_status = 413


class UnknownCommand(VoxshardError):
    code = "unknown_command"
    message = "unknown command"
    action = "see docs/protocol.md for the commands"


class BadJson(VoxshardError):
    code = "bad_json"
    message = "text that starts like JSON is not valid JSON"
    action = "correct the message; START/STOP clients send plain text commands"


class UnsupportedMessage(VoxshardError):
    code = "unsupported_message"
    message = "JSON messages are not part of the START/STOP protocol"
    action = "send plain text commands"


class BadText(VoxshardError):
    code = "bad_text"
    message = "text message is not valid UTF-8"
    action = "send UTF-8"
    close_code = 1007


class NotStarted(VoxshardError):
    code = "not_started"
    message = "no session is running on this connection"
    action = "send START first"
    http_status = 409


class StopWithoutStart(NotStarted):
    """The same for the client, but a STOP is answered `stopped` all the same."""


class AlreadyStarted(VoxshardError):
    code = "already_started"
    message = "START ignored: the session is running already"
    action = "send STOP before the next START"
    http_status = 409


class ContainerAudio(VoxshardError):
    code = "container_audio"
    message = "frame dropped: a file header was sent as audio, raw PCM16 16 kHz mono is expected"
    action = "decode the file and send its samples without the header"
    http_status = 415


class BadHotwords(VoxshardError):
    code = "bad_hotwords"
    message = "hotwords or replacements refused, the former ones stay in force"
    action = "at most 200 entries, each word 1 to 64 printable characters"


class BadLanguage(VoxshardError):
    code = "bad_language"
    message = "language refused, the former one stays in force"
    action = "a language name or code of at most 32 characters that begins with a letter"


class BadSilenceSchedule(VoxshardError):
    code = "bad_silence_schedule"
    message = "not a silence schedule"
    action = "AGE_MS:SILENCE_MS pairs with rising ages, the last age `inf`; the former one stays in force"


class BadTimestamps(VoxshardError):
    code = "bad_timestamps"
    message = "TIMESTAMPS is true or false, the former choice stays in force"
    action = "send TIMESTAMPS:true or TIMESTAMPS:false"


class NoWorker(VoxshardError):
    code = "no_worker"
    message = "no worker is ready"
    action = "connect again after a pause"
    close_code = 1013
    http_status = 503
    retryable = True


class Overloaded(VoxshardError):
    code = "overloaded"
    message = "all workers have as many sessions as they can serve in time"
    action = "connect again after `retry_after_s`"
    close_code = 1013
    http_status = 503
    retryable = True


class WorkerLost(VoxshardError):
    code = "worker_lost"
    message = "the worker of this session was lost, and no other could take it up"
    action = "connect again at once and resume; or send the audio since the last locked sentence"
    close_code = 1012
    http_status = 503
    retryable = True


class Restarting(VoxshardError):
    code = "restarting"
    message = "this gateway is shutting down"
    action = "connect again at once and resume; what was said has been locked unless the time ran out"
    close_code = 1012
    http_status = 503
    retryable = True


class EngineFailed(VoxshardError):
    code = "engine_failed"
    message = "recognition failed"
    action = "connect again"
    close_code = 1011
    http_status = 500
    retryable = True


class SessionEvicted(VoxshardError):
    code = "session_evicted"
    message = "the worker gave the session up because its gateway gave no sign of life"
    action = "connect again at once and send the audio since the last locked sentence"
    close_code = 1012
    http_status = 503
    retryable = True


class InternalError(VoxshardError):
    code = "internal"
    message = "internal error"
    action = "connect again; report it with the session id"
    close_code = 1011
    http_status = 500
    retryable = True


TABLE: Final[tuple[type[VoxshardError], ...]] = (
    OddFrame,
    FrameTooLarge,
    UnknownCommand,
    BadJson,
    UnsupportedMessage,
    BadText,
    NotStarted,
    AlreadyStarted,
    ContainerAudio,
    BadHotwords,
    BadLanguage,
    BadSilenceSchedule,
    BadTimestamps,
    BadSessionId,
    SessionInUse,
    SessionResumed,
    BadResumeToken,
    ResumeExpired,
    SessionUnknown,
    CannotLookUp,
    NoCredentials,
    BadCredentials,
    TokenExpired,
    OriginRefused,
    StreamQuota,
    AudioQuota,
    IdleTimeout,
    StartTimeout,
    SessionTooLong,
    SlowReader,
    NoWorker,
    Overloaded,
    WorkerLost,
    Restarting,
    EngineFailed,
    SessionEvicted,
    InternalError,
)

BY_CODE: Final[dict[str, type[VoxshardError]]] = {error.code: error for error in TABLE}

# What keeps a client out, or from having more; counted by the gateways.
REFUSALS: Final = (
    NoCredentials,
    BadCredentials,
    TokenExpired,
    OriginRefused,
    StreamQuota,
    AudioQuota,
    NoWorker,
    Overloaded,
)
