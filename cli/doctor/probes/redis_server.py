"""The Redis of the settings, and the way to it."""

from __future__ import annotations

import secrets
import ssl
import time
from dataclasses import replace
from typing import Any, Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

from cli.doctor.checks.redis_server import Answer, RedisFacts
from common.advertise import NoAdvertiseHost, with_advertise_host
from common.registry.redis_directory import CHANGED
from common.settings import Settings

_LIMIT_S: Final = 2.0
_TRIAL_KEY: Final = "voxshard:doctor:"
_TRIAL_MS: Final = 1_000
# The best one counts: this machine may be busy.
_TRIALS: Final = 3
# The words of its errors that tell what is wrong, where redis-py has no type for that.
_SAID: Final = {
    "max number of clients": Answer.CROWDED,
    "protected mode": Answer.PROTECTED,
    "BUSY": Answer.BUSY,
    "DB index": Answer.NO_DATABASE,
    # redis-py begins with it; Redis has it since 6.0.
    "HELLO": Answer.TOO_OLD,
}
_TYPES: Final[tuple[tuple[type[Exception], Answer], ...]] = (
    (AuthenticationError, Answer.REFUSED),
    (AuthorizationError, Answer.REFUSED),
    (TimeoutError, Answer.SILENT),
    (BusyLoadingError, Answer.LOADING),
)


def probe_redis(settings: Settings) -> RedisFacts:
    assert settings.redis_url is not None
    no_address = None
    try:
        with_advertise_host(settings)
    except NoAdvertiseHost as error:
        no_address = str(error)
    return replace(_ask(settings.redis_url), no_address=no_address)


def _ask(url: str) -> RedisFacts:
    limits: dict[str, Any] = {"socket_timeout": _LIMIT_S, "socket_connect_timeout": _LIMIT_S}
    try:
        with Redis.from_url(url, retry=Retry(NoBackoff(), 0), **limits) as client:
            return _facts(client)
    except (RedisError, OSError) as error:
        return RedisFacts(_answer(error), _cause(error))


def _answer(error: Exception) -> Answer:
    """redis-py calls a peer that answers in another protocol, or hangs up, a broken connection, too."""
    below = _os_error(error)
    if isinstance(below, ssl.SSLCertVerificationError):
        return Answer.UNTRUSTED
    by_type = next((answer for kind, answer in _TYPES if isinstance(error, kind)), None)
    if by_type is not None:
        return by_type
    if below is not None:
        hangs_up = isinstance(below, ConnectionResetError | BrokenPipeError | ssl.SSLError)
        return Answer.NOT_REDIS if hangs_up else Answer.NOT_THERE
    said = str(error)
    return next((answer for words, answer in _SAID.items() if words in said), Answer.NOT_REDIS)


def _cause(error: Exception) -> str:
    """What redis-py says may come from the address, with a password in it; what the system says cannot."""
    below = _os_error(error)
    if isinstance(below, ssl.SSLError):
        return getattr(below, "verify_message", None) or below.reason or type(below).__name__
    return (below and below.strerror) or type(error).__name__


def _os_error(error: BaseException | None) -> OSError | None:
    """What redis-py has met."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _facts(client: Redis) -> RedisFacts:
    client.ping()
    answers_s = min(_takes_s(client) for _ in range(_TRIALS))
    before = time.time()
    seconds, microseconds = client.time()
    skew = _skew(before, seconds + microseconds / 1e6, time.time())
    try:
        info: dict[str, Any] = client.info()
    except NoPermissionError:
        return RedisFacts(answers_s=answers_s, unseen=True, skew_s=skew, refusal=_refusal(client))
    facts = RedisFacts(
        answers_s=answers_s,
        version=str(info.get("redis_version", "")),
        mode=str(info.get("redis_mode", "standalone")),
        role=str(info.get("role", "master")),
        limit=int(info.get("maxmemory", 0)),
        policy=str(info.get("maxmemory_policy", "noeviction")),
        skew_s=skew,
    )
    return facts if facts.is_wrong_kind else replace(facts, refusal=_refusal(client))


def _takes_s(client: Redis) -> float:
    begun = time.monotonic()
    client.ping()
    return time.monotonic() - begun


def _refusal(client: Redis) -> str:
    """The first word of its error if it does not do what gateways ask it to do; nothing is left of it."""
    key = f"{_TRIAL_KEY}{secrets.token_hex(8)}"
    try:
        client.set(key, "", px=_TRIAL_MS)
        client.eval("return redis.call('DEL', KEYS[1])", 1, key)
        with client.pubsub() as channel:  # type: ignore[no-untyped-call]
            channel.subscribe(CHANGED)
            channel.get_message(timeout=_LIMIT_S)
    except NoPermissionError:
        return "NOPERM"
    except OutOfMemoryError:
        return "OOM"
    except ResponseError as error:
        return str(error).split(maxsplit=1)[0]
    return ""


def _skew(before: float, theirs: float, after: float) -> float:
    """What the way there and back cannot explain."""
    if before <= theirs <= after:
        return 0.0
    return theirs - after if theirs > after else theirs - before
