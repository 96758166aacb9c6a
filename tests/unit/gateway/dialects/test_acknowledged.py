from __future__ import annotations

from common.audio import seconds_to_samples
from gateway.dialects.acknowledged import Acknowledged

FIVE_S = seconds_to_samples(5)


def test_positions_never_go_back() -> None:
    ack = Acknowledged()
    ack.reached(900)
    ack.reached(500)
    assert ack.told() == 900


def test_it_is_overdue_when_much_has_been_settled_since_it_was_told() -> None:
    ack = Acknowledged()
    seen = []
    for position in (FIVE_S - 1, FIVE_S):
        ack.reached(position)
        seen.append(ack.is_overdue)
    ack.told()
    ack.reached(2 * FIVE_S - 1)
    assert [*seen, ack.is_overdue] == [False, True, False]
