from __future__ import annotations

from common.pulse import Pulse


def test_a_peer_that_says_nothing_is_silent_after_so_many_looks() -> None:
    pulse = Pulse(looks=3)
    assert [pulse.is_silent() for _ in range(5)] == [False, False, False, True, True]


def test_a_word_is_enough() -> None:
    pulse = Pulse(looks=2)
    for _ in range(5):
        assert [pulse.is_silent(), pulse.is_silent()] == [False, False]
        pulse.heard()
    assert [pulse.is_silent() for _ in range(3)] == [False, False, True]
