"""Records without logic: events, ends, checkpoint, clock, buckets."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import get_args

import msgspec
import pytest

from common.checkpoint import ORIGIN, Checkpoint
from common.clock import Clock, MonotonicClock, UnixClock
from common.ends import ChildEnd, Ends
from common.events import (
    Audio,
    Command,
    EndpointReason,
    Event,
    Final,
    Partial,
    ScheduleStep,
    SessionOptions,
    Settled,
    Word,
)
from common.metrics import FINAL_BUCKETS_S, LAG_BUCKETS_S, LATENCY_BUCKETS_S
from tests.support.clock import ManualClock


def test_a_session_begins_at_its_first_sample_with_its_first_segment() -> None:
    assert Checkpoint(audio_from=0, vad_from=0, segment=0, in_speech=False) == ORIGIN


@pytest.mark.parametrize(
    "record",
    [
        Partial(segment=1, revision=2, text="ever", start=3, heard=4),
        Final(1, "ever tried", 0, 10, 20, EndpointReason.MAX_LENGTH),
        Final(1, "ever tried", 0, 10, 20, EndpointReason.STOP, (Word("ever", 1, 4), Word("tried", 5, 9))),
        Settled(Checkpoint(1, 2, 3, True)),
        SessionOptions("en", ("vllm",), (("a", "b"),), (ScheduleStep(None, 300),), True),
    ],
)
def test_what_travels_on_the_link_comes_back_equal(record: msgspec.Struct) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=type(record)) == record


@pytest.mark.parametrize("record", [*get_args(Command), *get_args(Event), Checkpoint, SessionOptions])
def test_records_cannot_be_changed(record: type[msgspec.Struct]) -> None:
    assert record.__struct_config__.frozen


def test_what_a_supervisor_tells_comes_back_equal() -> None:
    ends = Ends(("5f",), (ChildEnd("60", "was ended by SIGSEGV", by_itself=True),))
    assert msgspec.json.decode(msgspec.json.encode(ends), type=Ends) == ends


def test_equal_commands_are_equal() -> None:
    assert Audio(b"\0\0") == Audio(b"\0\0") != Audio(b"\1\0")


def test_reasons_are_the_words_of_the_wire() -> None:
    assert {str(reason) for reason in EndpointReason} == {"silence", "max_length", "commit", "stop"}


def test_monotonic_clock_never_goes_back() -> None:
    clock: Clock = MonotonicClock()
    readings = [clock.now() for _ in range(100)]
    assert all(earlier <= later for earlier, later in pairwise(readings))


def test_unix_clock_counts_from_1970() -> None:
    clock: Clock = UnixClock()
    assert clock.now() == pytest.approx(time.time(), abs=5)


def test_manual_clock_moves_only_when_told_and_only_forward() -> None:
    clock = ManualClock(10.0)
    assert clock.now() == clock.now() == 10.0
    clock.advance(0.5)
    assert clock.now() == 10.5
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-1)


@pytest.mark.parametrize("buckets", [LATENCY_BUCKETS_S, FINAL_BUCKETS_S, LAG_BUCKETS_S])
def test_bucket_edges_rise(buckets: tuple[float, ...]) -> None:
    assert all(earlier < later for earlier, later in pairwise(buckets))


def test_latency_buckets_are_dense_where_the_goals_are() -> None:
    edges = [edge for edge in LATENCY_BUCKETS_S if 0.05 <= edge <= 1.0]
    assert all(later <= 2 * earlier for earlier, later in pairwise(edges))
    assert len(edges) >= 10
