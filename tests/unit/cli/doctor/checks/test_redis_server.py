from __future__ import annotations

import pytest

from cli.doctor.checks.redis_server import Answer, RedisFacts, check_redis
from cli.doctor.finding import Cause
from common.settings import load_settings

SETTINGS = load_settings({}, {})


@pytest.mark.parametrize(
    ("facts", "causes"),
    [
        (RedisFacts(version="7.0.15"), []),
        (RedisFacts(version=""), []),
        (RedisFacts(Answer.NOT_THERE, "ConnectionError"), [Cause.REDIS_UNREACHABLE]),
        (RedisFacts(Answer.SILENT, "TimeoutError"), [Cause.REDIS_SILENT]),
        (RedisFacts(Answer.LOADING, "BusyLoadingError"), [Cause.REDIS_SILENT]),
        (RedisFacts(Answer.BUSY, "ResponseError"), [Cause.REDIS_SILENT]),
        (RedisFacts(answers_s=0.24), []),
        (RedisFacts(answers_s=0.26), [Cause.REDIS_SLOW]),
        (RedisFacts(Answer.CROWDED, "ConnectionError"), [Cause.REDIS_CROWDED]),
        (RedisFacts(Answer.UNTRUSTED, "self-signed certificate"), [Cause.REDIS_UNTRUSTED]),
        (RedisFacts(Answer.REFUSED, "AuthenticationError"), [Cause.REDIS_PASSWORD]),
        (RedisFacts(Answer.PROTECTED, "ResponseError"), [Cause.REDIS_PASSWORD]),
        (RedisFacts(Answer.NO_DATABASE, "ResponseError"), [Cause.REDIS_NO_DATABASE]),
        (RedisFacts(Answer.TOO_OLD, "ResponseError"), [Cause.REDIS_TOO_OLD]),
        (RedisFacts(Answer.NOT_REDIS, "InvalidResponse"), [Cause.REDIS_WRONG_KIND]),
        (RedisFacts(version="7.0.15", mode="cluster"), [Cause.REDIS_WRONG_KIND]),
        (RedisFacts(version="7.0.15", mode="sentinel"), [Cause.REDIS_WRONG_KIND]),
        (RedisFacts(version="7.0.15", role="slave"), [Cause.REDIS_WRONG_KIND]),
        (RedisFacts(version="6.0.0"), []),
        (RedisFacts(version="5.0.14"), [Cause.REDIS_TOO_OLD]),
        (RedisFacts(unseen=True), [Cause.REDIS_UNSEEN]),
        (RedisFacts(refusal="OOM"), [Cause.REDIS_FULL]),
        (RedisFacts(refusal="NOPERM"), [Cause.REDIS_NO_RIGHTS]),
        (RedisFacts(refusal="unknown"), [Cause.REDIS_NO_RIGHTS]),
        (RedisFacts(refusal="MISCONF"), [Cause.REDIS_NO_WRITES]),
        (RedisFacts(limit=2**20, policy="noeviction"), []),
        (RedisFacts(limit=0, policy="allkeys-lru"), []),
        (RedisFacts(limit=2**20, policy="allkeys-lru"), [Cause.REDIS_EVICTS]),
        (RedisFacts(limit=2**20, policy="volatile-ttl"), [Cause.REDIS_EVICTS]),
        (RedisFacts(skew_s=1.9), []),
        (RedisFacts(skew_s=2.1), [Cause.CLOCK_SKEW]),
        (RedisFacts(skew_s=-3600.0), [Cause.CLOCK_SKEW]),
        (RedisFacts(no_address="the way to Redis cannot be found"), [Cause.ADVERTISE_HOST_UNUSABLE]),
        (RedisFacts(Answer.NOT_THERE, no_address="the host is not known"), [Cause.REDIS_UNREACHABLE]),
    ],
)
def test_each_fault_has_its_name(facts: RedisFacts, causes: list[Cause]) -> None:
    assert [told.cause for told in check_redis(SETTINGS, facts)] == causes


def test_all_faults_are_told_at_once() -> None:
    facts = RedisFacts(version="4.0", role="slave", limit=1, policy="allkeys-random", skew_s=60.0)
    assert [told.cause for told in check_redis(SETTINGS, facts)] == [
        Cause.REDIS_WRONG_KIND,
        Cause.REDIS_TOO_OLD,
        Cause.REDIS_EVICTS,
        Cause.CLOCK_SKEW,
    ]


def test_it_says_what_the_system_or_redis_has_said() -> None:
    [away] = check_redis(SETTINGS, RedisFacts(Answer.NOT_THERE, "Connection refused"))
    assert away.found == "nothing answers at the address of Redis (Connection refused)"
    [full] = check_redis(SETTINGS, RedisFacts(refusal="NOREPLICAS"))
    assert full.found == "Redis takes no writes (NOREPLICAS)"
