"""A Redis that instances cannot share, or not for long, and the way to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cli.doctor.finding import Cause, Finding
from common.registry.base import ANSWER_WITHIN_S
from common.settings import Settings

# redis-py begins each connection with HELLO, which came with it.
_LEAST_VERSION: Final = (6, 0)
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
    LOADING = "loading"
    BUSY = "busy"
    CROWDED = "crowded"
    UNTRUSTED = "untrusted"
    REFUSED = "refused"
    PROTECTED = "protected"
    NO_DATABASE = "no_database"
    TOO_OLD = "too_old"
    NOT_REDIS = "not_redis"


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """`cause`: the kind of error behind another answer than OK. `answers_s`: how long it takes to.
    `mode`: standalone, cluster or sentinel. `role`: master or slave. `limit`: bytes, 0 for none.
    `skew_s`: how far its clock is ahead of ours.
    `unseen`: it tells this user nothing of itself. `refusal`: its word for why it does not do what gateways
    ask it to do; empty if it does. `no_address`: why this host's own address towards it cannot be found."""

    answer: Answer = Answer.OK
    cause: str = ""
    answers_s: float = 0.0
    version: str = ""
    mode: str = "standalone"
    role: str = "master"
    limit: int = 0
    policy: str = _KEEPS_KEYS
    skew_s: float = 0.0
    unseen: bool = False
    refusal: str = ""
    no_address: str | None = None

    @property
    def is_wrong_kind(self) -> bool:
        return self.mode != "standalone" or self.role != "master"


@dataclass(frozen=True, slots=True)
class _Fault:
    """A finding but for what it means. `found` may hold {cause}."""

    cause: Cause
    found: str
    do: str


_UNUSABLE: Final = {
    Answer.NOT_THERE: _Fault(
        Cause.REDIS_UNREACHABLE,
        "nothing answers at the address of Redis ({cause})",
        "systemctl start redis-server on its host, or correct VOXSHARD_REDIS_URL",
    ),
    Answer.SILENT: _Fault(
        Cause.REDIS_SILENT,
        "Redis takes connections, or lets them hang, and does not answer",
        "see whether it is stopped or busy (redis-cli -h HOST --latency), or a firewall is between; rediss://"
        " is for a Redis with TLS only",
    ),
    Answer.LOADING: _Fault(
        Cause.REDIS_SILENT,
        "Redis is still loading its data, and answers nothing until then",
        "wait, and run the doctor again",
    ),
    Answer.BUSY: _Fault(
        Cause.REDIS_SILENT,
        "Redis runs a script that does not end, and does nothing else until it does",
        "redis-cli SCRIPT KILL; then see whose it was: scripts of gateways take milliseconds",
    ),
    Answer.CROWDED: _Fault(
        Cause.REDIS_CROWDED,
        "Redis has as many clients as it takes",
        "redis-cli CONFIG SET maxclients 10000, and the same in redis.conf",
    ),
    Answer.UNTRUSTED: _Fault(
        Cause.REDIS_UNTRUSTED,
        "the certificate of Redis is not trusted ({cause})",
        "use the name that its certificate is for; if an authority of your own has signed it:"
        " VOXSHARD_REDIS_URL=rediss://HOST:PORT/0?ssl_ca_certs=/PATH/ca.pem",
    ),
    Answer.REFUSED: _Fault(
        Cause.REDIS_PASSWORD,
        "Redis does not let us in ({cause})",
        "correct user and password in VOXSHARD_REDIS_URL: redis://:PASSWORD@HOST:PORT/0",
    ),
    Answer.PROTECTED: _Fault(
        Cause.REDIS_PASSWORD,
        "Redis has no password, and lets in nobody from other hosts (protected mode)",
        "set one in redis.conf, requirepass PASSWORD, and in VOXSHARD_REDIS_URL: redis://:PASSWORD@HOST:PORT/0",
    ),
    Answer.NO_DATABASE: _Fault(
        Cause.REDIS_NO_DATABASE,
        "Redis has no database with the number in its address",
        "correct what follows the port in VOXSHARD_REDIS_URL; /0 is always there",
    ),
    Answer.TOO_OLD: _Fault(
        Cause.REDIS_TOO_OLD,
        "Redis does not know HELLO, with which each connection begins",
        f"install Redis {'.'.join(map(str, _LEAST_VERSION))} or newer; 7.0 is tested",
    ),
    Answer.NOT_REDIS: _Fault(
        Cause.REDIS_WRONG_KIND,
        "what answers there does not speak like Redis ({cause})",
        "correct host and port in VOXSHARD_REDIS_URL; rediss:// is for TLS, redis:// for without",
    ),
}

# By the first word of its error.
_REFUSALS: Final = {
    "OOM": _Fault(
        Cause.REDIS_FULL,
        "the memory of Redis is full (maxmemory)",
        "redis-cli INFO memory; give it more (CONFIG SET maxmemory), or take out what is not ours:"
        " our keys begin with voxshard:",
    ),
    "NOPERM": _Fault(
        Cause.REDIS_NO_RIGHTS,
        "the user in the address of Redis may not do all that is needed",
        "redis-cli ACL SETUSER NAME '~voxshard:*' '&voxshard:*' +@all",
    ),
    # "ERR unknown command": redis-py leaves ERR out.
    "unknown": _Fault(
        Cause.REDIS_NO_RIGHTS,
        "Redis does not know a command that is needed",
        "take `rename-command` for SET, DEL, EVAL, EVALSHA, SUBSCRIBE out of redis.conf, and start it anew",
    ),
}
_NO_WRITES: Final = _Fault(
    Cause.REDIS_NO_WRITES,
    "Redis takes no writes ({cause})",
    "its log says why: MISCONF, it cannot save its data to its disk; NOREPLICAS, min-replicas-to-write wants"
    " more replicas than it has",
)


def check_redis(_: Settings, facts: RedisFacts) -> Iterator[Finding]:
    # Whoever cannot find Redis at all cannot find the way to it either.
    if facts.no_address is not None and facts.answer is not Answer.NOT_THERE:
        yield Finding(
            Cause.ADVERTISE_HOST_UNUSABLE,
            facts.no_address,
            "`voxshard serve` ends with code 2",
            "set --advertise-host to an address of this host that the other hosts reach",
        )
    if facts.answer is not Answer.OK:
        yield _finding(_UNUSABLE[facts.answer], facts.cause)
        return
    yield from _wrong_kind(facts)
    if facts.answers_s > ANSWER_WITHIN_S:
        yield Finding(
            Cause.REDIS_SLOW,
            f"Redis answers within {facts.answers_s:.2f} s; gateways wait for {ANSWER_WITHIN_S:g} s",
            _WITHOUT,
            "redis-cli -h HOST --latency; use one that is near the gateways and has a processor of its own",
        )
    if facts.unseen:
        yield Finding(
            Cause.REDIS_UNSEEN,
            "Redis tells the user in its address nothing about itself (INFO)",
            "whether it is old, a replica, or throws keys away was not looked at",
            "redis-cli ACL SETUSER NAME +info",
        )
    if facts.refusal:
        yield _finding(_REFUSALS.get(facts.refusal, _NO_WRITES), facts.refusal)
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


def _finding(fault: _Fault, cause: str) -> Finding:
    return Finding(fault.cause, fault.found.format(cause=cause), _WITHOUT, fault.do)


def _wrong_kind(facts: RedisFacts) -> Iterator[Finding]:
    if facts.is_wrong_kind:
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
            _WITHOUT,
            _UNUSABLE[Answer.TOO_OLD].do,
        )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
