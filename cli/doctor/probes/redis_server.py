"""The Redis of the settings, and the way to it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Final

from redis import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConnectionError,
    InvalidResponse,
    NoPermissionError,
    RedisError,
    TimeoutError,
)

from cli.doctor.checks.redis_server import Answer, RedisFacts
from common.advertise import NoAdvertiseHost, with_advertise_host
from common.settings import Settings

_LIMIT_S: Final = 2.0
_REFUSED: Final = (AuthenticationError, AuthorizationError, NoPermissionError)


def probe_redis(settings: Settings) -> RedisFacts:
    assert settings.redis_url is not None
    no_address = None
    try:
        with_advertise_host(settings)
    except NoAdvertiseHost as error:
        no_address = str(error)
    return replace(_ask(settings.redis_url), no_address=no_address)


def _ask(url: str) -> RedisFacts:
    try:
        with Redis.from_url(url, socket_timeout=_LIMIT_S, socket_connect_timeout=_LIMIT_S) as client:
            return _facts(client)
    # Its kind says enough; what it says may come from the address, which has a password in it.
    except _REFUSED as error:
        return RedisFacts(Answer.REFUSED, type(error).__name__)
    except TimeoutError as error:
        return RedisFacts(Answer.SILENT, type(error).__name__)
    except InvalidResponse as error:
        return RedisFacts(Answer.NOT_REDIS, type(error).__name__)
    except (ConnectionError, OSError) as error:
        return RedisFacts(_of_connection(error), type(error).__name__)
    except RedisError as error:
        return RedisFacts(Answer.NOT_REDIS, type(error).__name__)


def _of_connection(error: Exception) -> Answer:
    """redis-py calls a peer that answers in another protocol, or hangs up, a broken connection, too."""
    refused = isinstance(error.__cause__ or error.__context__, OSError) or "connecting to" in str(error)
    return Answer.NOT_THERE if refused else Answer.NOT_REDIS


def _facts(client: Redis) -> RedisFacts:
    before = time.time()
    info: dict[str, Any] = client.info()
    seconds, microseconds = client.time()
    skew = _skew(before, seconds + microseconds / 1e6, time.time())
    return RedisFacts(
        version=str(info.get("redis_version", "")),
        mode=str(info.get("redis_mode", "standalone")),
        role=str(info.get("role", "master")),
        limit=int(info.get("maxmemory", 0)),
        policy=str(info.get("maxmemory_policy", "noeviction")),
        skew_s=skew,
    )


def _skew(before: float, theirs: float, after: float) -> float:
    """What the way there and back cannot explain."""
    if before <= theirs <= after:
        return 0.0
    return theirs - after if theirs > after else theirs - before
