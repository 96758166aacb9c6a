"""A Redis that instances cannot share, or not for long, and the way to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cli.doctor.finding import Cause, Finding
from common.settings import Settings

# Before it a script may not write after it has asked for the time, and ours do.
_LEAST_VERSION: Final = (5, 0)
# JSON Web Tokens and resume tokens carry times.
_MOST_SKEW_S: Final = 2.0
_KEEPS_KEYS: Final = "noeviction"
_WITHOUT: Final = (
    "instances do not find each other, quotas count in each gateway alone, nobody can resume elsewhere"
)


class Answer(Enum):
    """What came of asking it."""

    OK = "ok"
    NOT_THERE = "not_there"
    SILENT = "silent"
    REFUSED = "refused"
    NOT_REDIS = "not_redis"


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """`cause`: the kind of error behind another answer than OK. `mode`: standalone, cluster or sentinel.
    `role`: master or slave. `limit`: bytes, 0 for none. `skew_s`: how far its clock is ahead of ours.
    `no_address`: why this host's own address towards it cannot be found."""

    answer: Answer = Answer.OK
    cause: str = ""
    version: str = ""
    mode: str = "standalone"
    role: str = "master"
    limit: int = 0
    policy: str = _KEEPS_KEYS
    skew_s: float = 0.0
    no_address: str | None = None


def check_redis(_: Settings, facts: RedisFacts) -> Iterator[Finding]:
    if facts.no_address is not None:
        yield Finding(
            Cause.ADVERTISE_HOST_UNUSABLE,
            facts.no_address,
            "`voxshard serve` ends with code 2",
            "set --advertise-host to an address of this host that the other hosts reach",
        )
    if facts.answer is not Answer.OK:
        yield _unusable(facts)
        return
    yield from _wrong_kind(facts)
    if facts.limit and facts.policy != _KEEPS_KEYS:
        yield Finding(
            Cause.REDIS_EVICTS,
            f"Redis throws keys away when it is full (maxmemory-policy {facts.policy})",
            "pins and records of live sessions get lost: ids are given twice, clients cannot resume",
            f"redis-cli CONFIG SET maxmemory-policy {_KEEPS_KEYS}, and the same in redis.conf",
        )
    if abs(facts.skew_s) > _MOST_SKEW_S:
        yield Finding(
            Cause.CLOCK_SKEW,
            f"the clock of Redis is {facts.skew_s:+.1f} s off ours",
            "tokens that other hosts or issuers have made count as expired, or as not valid yet",
            "timedatectl set-ntp true, on this host and on that of Redis",
        )


def _unusable(facts: RedisFacts) -> Finding:
    match facts.answer:
        case Answer.REFUSED:
            return Finding(
                Cause.REDIS_PASSWORD,
                f"Redis does not let us in ({facts.cause})",
                _WITHOUT,
                "correct user and password in VOXSHARD_REDIS_URL: redis://:PASSWORD@HOST:PORT/0",
            )
        case Answer.NOT_REDIS:
            return Finding(
                Cause.REDIS_WRONG_KIND,
                f"what answers there does not speak like Redis ({facts.cause})",
                _WITHOUT,
                "correct host and port in VOXSHARD_REDIS_URL; rediss:// is for TLS, redis:// for without",
            )
        case Answer.SILENT:
            return Finding(
                Cause.REDIS_SILENT,
                "Redis takes connections, or lets them hang, and does not answer",
                _WITHOUT,
                "see whether it is stopped or busy (redis-cli -h HOST --latency), or a firewall is between",
            )
    return Finding(
        Cause.REDIS_UNREACHABLE,
        f"nothing answers at the address of Redis ({facts.cause})",
        _WITHOUT,
        "systemctl start redis-server on its host, or correct VOXSHARD_REDIS_URL",
    )


def _wrong_kind(facts: RedisFacts) -> Iterator[Finding]:
    if facts.mode != "standalone" or facts.role != "master":
        found = "a replica" if facts.mode == "standalone" else f"in {facts.mode} mode"
        yield Finding(
            Cause.REDIS_WRONG_KIND,
            f"the Redis at that address is {found}",
            f"it takes no writes, or not several keys in one call: {_WITHOUT}",
            "give the address of a single Redis, or of the primary of a replicated one",
        )
    if facts.version and _release(facts.version) < _LEAST_VERSION:
        yield Finding(
            Cause.REDIS_TOO_OLD,
            f"Redis {facts.version}",
            f"scripts fail in it: {_WITHOUT}",
            f"install Redis {'.'.join(map(str, _LEAST_VERSION))} or newer; 7.0 is tested",
        )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
