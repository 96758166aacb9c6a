"""How a session ends that was resumed, or that cannot be."""

from __future__ import annotations

import pytest

from client.failures import StreamError
from client.session import StreamState
from tests.unit.client.session_rig import LOST, MS, Rig, live


def resumed_after_stop(ms: int) -> Rig:
    """200 ms were said, and STOP; the server tells on another connection that it had heard `ms`."""
    rig = live()
    rig.says(bytes(2 * 200 * MS))
    rig.session.finish()
    rig.says()
    rig.session.lost(LOST)
    rig.asks()
    rig.resumed(ack=100 * MS)
    rig.result("one", final=True, ms=ms)
    rig.hears(event="stopped")
    return rig


def test_a_session_that_had_ended_is_whole_when_all_was_heard() -> None:
    rig = resumed_after_stop(ms=200)
    assert rig.session.state is StreamState.STOPPED
    assert rig.session.view.transcript == "one"


def test_a_session_that_the_server_had_ended_before_is_not_whole() -> None:
    assert resumed_after_stop(ms=150).failure == "stopped_early"


def test_a_resumed_session_that_had_ended_takes_no_more_audio() -> None:
    rig = live()
    rig.session.lost(LOST)
    rig.asks()
    rig.resumed()
    rig.hears(event="stopped")
    assert rig.failure == "stopped_early"


def test_a_dropped_frame_makes_positions_unsure_and_the_session_is_not_resumed() -> None:
    rig = live()
    rig.error("container_audio", retryable=False)
    with pytest.raises(StreamError, match="connection_closed"):
        rig.session.lost(LOST)
