from __future__ import annotations

from common.registry.base import Record
from common.scrape import TargetGroup
from gateway.scrape_targets import KEPT_S, OtherTargets
from tests.support.directories import gateway_record, worker_record

ADA, BOB = (TargetGroup((f"{name}:9400",), {"voxshard_instance": name}) for name in ("ada", "bob"))


def record(gateway: str, *targets: TargetGroup) -> Record:
    return gateway_record(gateway, gateway.partition(":")[0], targets=targets)


def test_an_instance_is_told_once_however_many_gateways_it_has() -> None:
    others = OtherTargets()
    others.heard([record("bob:0", BOB), record("ada:0", ADA), record("ada:1", ADA)], now=0)
    assert others.all == (ADA, BOB)


def test_an_instance_without_gateways_is_told_by_its_workers() -> None:
    others = OtherTargets()
    others.heard([worker_record("bob:0", "bob", targets=(BOB,)), record("ada:0", ADA)], now=0)
    assert others.all == (ADA, BOB)


def test_an_instance_that_is_gone_stays_for_a_while() -> None:
    others = OtherTargets()
    others.heard([record("ada:0", ADA), record("bob:0", BOB)], now=0)
    others.heard([record("bob:0", BOB)], now=KEPT_S)
    assert list(others.all) == [ADA, BOB]
    others.heard([record("bob:0", BOB)], now=KEPT_S + 1)
    assert list(others.all) == [BOB]


def test_the_newest_word_of_an_instance_counts() -> None:
    others = OtherTargets()
    others.heard([record("ada:0", ADA)], now=0)
    others.heard([record("ada:0", BOB)], now=1)
    assert others.all == (BOB,)
