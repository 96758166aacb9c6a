from __future__ import annotations

import gc
import weakref

from tests.support.aio import run, until
from tests.support.vad_rig import Behind, Live, Rig, Source
from worker.vad.hearing import HeardHop
from worker.vad.pool import MAX_HOPS, TICK_HOPS


def test_a_source_far_behind_catches_up_while_the_others_are_heard_in_every_tick() -> None:
    rig, behind, live = Rig(), Source(*[0.1] * 200), [Live(*[0.1] * 13) for _ in range(7)]
    run(rig.serve(behind, *live))
    assert behind.taken == [MAX_HOPS] * 12 + [8]
    assert [source.taken for source in live] == [[1] * 13] * 7
    assert rig.pool.ticks == 13


def test_those_far_behind_are_heard_one_after_the_other() -> None:
    done: list[int] = []

    class Noting(Behind):
        def hops_done(self, heard: list[HeardHop]) -> bool:
            more = super().hops_done(heard)
            if not more:
                done.append(sources.index(self))
            return more

    at_once = TICK_HOPS // MAX_HOPS
    sources = [Noting(*[0.1] * (4 * MAX_HOPS)) for _ in range(3 * at_once)]
    run(Rig().serve(*sources))
    assert done == list(range(len(sources)))
    assert {tuple(source.taken) for source in sources} == {(MAX_HOPS,) * 4}


def test_those_far_behind_have_what_room_the_live_ones_leave() -> None:
    rig, behind = Rig(), Behind(*[0.1] * (2 * MAX_HOPS))
    live = [Live(*[0.1] * 4) for _ in range(TICK_HOPS - 3)]
    run(rig.serve(behind, *live))
    assert behind.taken[0] == MAX_HOPS
    assert {tuple(source.taken) for source in live} == {(1,) * 4}


def test_what_room_is_left_is_shared_in_their_order() -> None:
    rig = Rig()
    live, behind = Live(*[0.1] * 2), [Behind(*[0.1] * 2 * MAX_HOPS) for _ in range(9)]
    run(rig.serve(live, *behind))
    # One hop of the first tick is the live one's.
    full = TICK_HOPS // MAX_HOPS - 1
    assert [source.taken[0] for source in behind[: full + 1]] == [MAX_HOPS] * full + [MAX_HOPS - 1]


def test_those_far_behind_go_on_beside_any_number_of_live_sources() -> None:
    rig, behind = Rig(), Behind(*[0.1] * MAX_HOPS)
    run(rig.serve(behind, *[Live(0.1) for _ in range(2 * TICK_HOPS)]))
    assert behind.taken == [MAX_HOPS]


def test_one_that_ends_while_it_is_heard_is_not_kept() -> None:
    """It is offered once more, by what came meanwhile."""

    class Ending(Source):
        @property
        def catching_up(self) -> bool:
            return True

        def hops_done(self, heard: list[HeardHop]) -> bool:
            rig.pool.withdraw(self)
            rig.pool.offer(self)
            self.hops.clear()
            return False

    async def scenario() -> weakref.ref[Source]:
        source = Ending(0.1)
        async with rig.serving():
            rig.pool.offer(source)
            await until(lambda: source.asked == 2)
        return weakref.ref(source)

    rig = Rig()
    left = run(scenario())
    gc.collect()
    assert left() is None
