from __future__ import annotations

import pytest

from common.events import EndpointReason
from worker.pipeline.hop import HOP_SAMPLES
from worker.pipeline.orders import Mark, Order, Orders


@pytest.mark.parametrize(
    ("mark", "reason"), [(Mark.COMMIT, EndpointReason.COMMIT), (Mark.STOP, EndpointReason.STOP)]
)
def test_an_order_is_the_reason_of_the_endpoint_it_makes(mark: Mark, reason: EndpointReason) -> None:
    assert mark.reason is reason


def test_an_order_is_reached_when_no_whole_hop_is_left_before_it() -> None:
    orders = Orders()
    orders.add(Mark.STOP, HOP_SAMPLES + 100)
    assert orders.reach(100) is None
    assert orders.reach(101) == orders.reached == Order(Mark.STOP, HOP_SAMPLES + 100)


def test_hops_stop_at_the_next_order() -> None:
    orders = Orders()
    assert orders.limit(9_000) == 9_000
    orders.add(Mark.COMMIT, 4_000)
    orders.add(Mark.STOP, 8_000)
    assert orders.limit(9_000) == 4_000


def test_an_order_waits_for_the_answer_to_the_one_before_it() -> None:
    orders = Orders()
    orders.add(Mark.COMMIT, 0)
    orders.add(Mark.STOP, 0)
    assert orders.reach(0) == Order(Mark.COMMIT, 0)
    assert orders.reach(0) is None
    orders.answered()
    assert orders.reached is None
    assert orders.reach(0) == Order(Mark.STOP, 0)
    orders.answered()
    assert orders.reach(0) is None
