from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline.effects import Decode, DecodeKind
from worker.scheduler.decode_queue import DecodeQueue, Queued

FINAL: Final = DecodeKind.FINAL
SPECULATIVE: Final = DecodeKind.SPECULATIVE
PARTIAL: Final = DecodeKind.PARTIAL


def request(
    kind: DecodeKind, asked_at: float = 0.0, *, owner: str = "a", segment: int = 0, end: int = 100
) -> Queued[str]:
    return Queued(owner, Decode(kind, segment, 0, end), asked_at)


def queue_of(*requests: Queued[str]) -> DecodeQueue[str]:
    queue: DecodeQueue[str] = DecodeQueue()
    for queued in requests:
        queue.push(queued)
    return queue


def drained(queue: DecodeQueue[str]) -> list[Queued[str]]:
    out = []
    while (taken := queue.pop()) is not None:
        out.append(taken)
    return out


def window_of(queued: Queued[str]) -> tuple[object, ...]:
    """All of it but since when it waits, which a newer version takes over."""
    return queued.owner, queued.kind, queued.segment, queued.decode.start, queued.decode.end


requests: Final = st.builds(
    Queued,
    owner=st.sampled_from("abc"),
    decode=st.builds(
        Decode,
        kind=st.sampled_from(DecodeKind),
        segment=st.integers(0, 1),
        start=st.just(0),
        end=st.integers(1, 3),
        foreseen=st.just(False),
    ),
    asked_at=st.integers(0, 3).map(float),
)


def test_finals_come_before_speculations_before_partials() -> None:
    late_final = request(FINAL, 9, owner="a")
    speculation = request(SPECULATIVE, 5, owner="b")
    early_partial = request(PARTIAL, 1, owner="c")
    assert drained(queue_of(early_partial, speculation, late_final)) == [
        late_final,
        speculation,
        early_partial,
    ]


def test_among_one_kind_the_earliest_asked_at_comes_first() -> None:
    later, sooner = request(PARTIAL, 2, owner="a"), request(PARTIAL, 1, owner="b")
    assert drained(queue_of(later, sooner)) == [sooner, later]


def test_equal_asked_ats_are_served_as_they_came() -> None:
    names = "kmbxa"
    assert [
        taken.owner for taken in drained(queue_of(*[request(FINAL, owner=name) for name in names]))
    ] == list(names)


def test_a_newer_partial_replaces_the_queued_one_and_has_waited_as_long() -> None:
    queue = queue_of(request(PARTIAL, 1), request(PARTIAL, 2, owner="b"))
    assert queue.push(request(PARTIAL, 3, end=200)) == [request(PARTIAL, 1)]
    assert drained(queue) == [request(PARTIAL, 1, end=200), request(PARTIAL, 2, owner="b")]


def test_a_final_has_not_waited_as_long_as_the_partial_it_replaces() -> None:
    queue = queue_of(request(PARTIAL, 1), request(FINAL, 2, owner="b"), request(FINAL, 3))
    assert drained(queue) == [request(FINAL, 2, owner="b"), request(FINAL, 3)]


def test_who_speaks_on_has_a_turn_while_others_speak_too() -> None:
    queue = queue_of(*(request(PARTIAL, 0, owner=name) for name in "abc"))
    served = set()
    for now in range(1, 4):
        for name in "abc":
            queue.push(request(PARTIAL, now, owner=name, end=100 + now))
        taken = queue.pop()
        assert taken is not None
        served.add(taken.owner)
    assert served == set("abc")


@pytest.mark.parametrize("other", [{"owner": "b"}, {"segment": 1}])
def test_requests_of_other_sessions_and_segments_are_never_replaced(other: dict[str, Any]) -> None:
    queue = queue_of(request(SPECULATIVE), request(PARTIAL))
    assert queue.push(request(FINAL, **other)) == []
    assert len(queue) == 3


@pytest.mark.parametrize(
    ("kind", "replaced"),
    [(FINAL, [FINAL, SPECULATIVE, PARTIAL]), (SPECULATIVE, [SPECULATIVE, PARTIAL]), (PARTIAL, [PARTIAL])],
)
def test_a_request_replaces_its_own_kind_and_lesser_ones(
    kind: DecodeKind, replaced: list[DecodeKind]
) -> None:
    queue = queue_of(request(FINAL), request(SPECULATIVE), request(PARTIAL))
    assert queue.push(request(kind, end=200)) == [request(other) for other in replaced]
    kept = [request(other) for other in (FINAL, SPECULATIVE, PARTIAL) if other not in replaced]
    assert drained(queue) == [*kept, request(kind, end=200)]


def test_a_promoted_speculation_is_served_as_a_final_with_its_own_audio() -> None:
    queue = queue_of(request(FINAL, 8, owner="b"), request(SPECULATIVE, 3, end=77), request(PARTIAL))
    assert queue.promote("a", 0, asked_at=9)
    foreseen = Queued("a", Decode(FINAL, 0, 0, 77, foreseen=True), 9)
    assert drained(queue) == [request(FINAL, 8, owner="b"), foreseen]


def test_only_a_queued_speculation_can_be_promoted() -> None:
    queue = queue_of(request(PARTIAL), request(SPECULATIVE, segment=1))
    assert not queue.promote("a", 0, asked_at=1)
    assert len(queue) == 2


def test_what_is_withdrawn_is_never_served() -> None:
    queue = queue_of(request(PARTIAL), request(SPECULATIVE))
    queue.withdraw("a", PARTIAL, 0)
    queue.withdraw("a", PARTIAL, 0)
    queue.withdraw("b", SPECULATIVE, 0)
    assert drained(queue) == [request(SPECULATIVE)]


def test_an_owner_that_leaves_takes_all_its_requests_along() -> None:
    queue = queue_of(request(PARTIAL), request(FINAL, segment=1), request(PARTIAL, owner="b"))
    queue.remove_owner("a")
    assert drained(queue) == [request(PARTIAL, owner="b")]


def test_an_empty_queue_has_nothing() -> None:
    queue = queue_of()
    assert queue.pop() is None
    assert queue.oldest_asked_at(FINAL) is None


def test_the_oldest_asked_at_is_that_of_its_kind() -> None:
    queue = queue_of(request(FINAL, 5), request(FINAL, 4, owner="b"), request(PARTIAL, 1))
    assert queue.oldest_asked_at(FINAL) == 4
    assert queue.oldest_asked_at(SPECULATIVE) is None


def test_what_is_decoded_already_keeps_its_next_version_waiting() -> None:
    waits, other = request(PARTIAL, 1, end=200), request(PARTIAL, 2, owner="b")
    queue = queue_of(waits, other)
    running = {request(PARTIAL).key}
    assert queue.pop(running) == other
    assert queue.pop(running) is None
    assert len(queue) == 1
    assert queue.pop() == waits


@pytest.mark.parametrize("other", [{"owner": "b"}, {"segment": 1}, {"kind": SPECULATIVE}])
def test_only_the_same_decode_keeps_a_request_waiting(other: dict[str, Any]) -> None:
    wanted = request(**{"kind": PARTIAL, **other})
    assert queue_of(wanted).pop({request(PARTIAL).key}) == wanted


@given(st.lists(requests, max_size=30), st.sets(requests.map(lambda queued: queued.key), max_size=6))
def test_what_is_taken_beside_running_ones_is_the_best_of_the_rest(
    pushed: list[Queued[str]], running: set[tuple[str, DecodeKind, int]]
) -> None:
    allowed = [queued for queued in drained(queue_of(*pushed)) if queued.key not in running]
    queue = queue_of(*pushed)
    taken = []
    while (queued := queue.pop(running)) is not None:
        taken.append(queued)
    assert taken == allowed
    assert {queued.key for queued in drained(queue)} <= running


@given(st.lists(requests, max_size=30))
def test_what_is_queued_leaves_once_in_order_or_was_replaced(pushed: list[Queued[str]]) -> None:
    queue: DecodeQueue[str] = DecodeQueue()
    replaced = [old for queued in pushed for old in queue.push(queued)]
    left = drained(queue)
    assert sorted(map(window_of, [*replaced, *left])) == sorted(map(window_of, pushed))
    assert [(taken.kind, taken.asked_at) for taken in left] == sorted(
        (taken.kind, taken.asked_at) for taken in left
    )


@given(st.lists(requests, max_size=60))
def test_its_length_is_bounded_by_owners_kinds_and_segments(pushed: list[Queued[str]]) -> None:
    assert len(queue_of(*pushed)) <= 3 * len(DecodeKind) * 2


def test_a_suspect_is_taken_only_when_one_may_be() -> None:
    suspect, other = replace(request(FINAL, 1), suspect=True), request(PARTIAL, 2, owner="b")
    queue = queue_of(suspect, other)
    assert queue.pop(suspects=False) == other
    assert queue.pop(suspects=False) is None
    assert queue.pop() == suspect


def test_one_that_is_behind_is_taken_only_when_one_may_be() -> None:
    behind, other = replace(request(FINAL, 1), behind=True), request(PARTIAL, 2, owner="b")
    queue = queue_of(behind, other)
    assert queue.pop(behind=False) == other
    assert queue.pop(behind=False) is None
    assert queue.pop() == behind


def test_a_speculation_of_a_suspect_stays_one_when_it_is_wanted_as_the_final() -> None:
    queue = queue_of(replace(request(SPECULATIVE, 1), suspect=True))
    assert queue.promote("a", 0, 2)
    assert queue.pop(suspects=False) is None
    taken = queue.pop()
    assert taken is not None and (taken.kind, taken.suspect, taken.decode.foreseen) == (FINAL, True, True)
