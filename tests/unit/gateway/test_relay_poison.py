"""Which sessions are not given one more worker, and which have to wait for that."""

from __future__ import annotations

from common.checkpoint import Checkpoint
from common.errors import EngineFailed
from common.events import Degraded, Failed, Moved
from gateway.death import Cause, Death
from gateway.strikes import MAX_LOSSES
from tests.support.relay_rig import PATIENCE_S, RelayRig

SETTLED = Checkpoint(90, 100, 1)


def opened() -> RelayRig:
    rig = RelayRig()
    rig.opens()
    return rig


def test_a_segment_that_two_engines_failed_at_is_not_given_to_a_third() -> None:
    rig = opened()
    rig.fail(EngineFailed)
    rig.opens()
    rig.fail(EngineFailed)
    assert len(rig.workers.placed) == 2
    assert rig.client.told[-1] == Failed(EngineFailed.code, EngineFailed().text)


def test_failures_count_for_each_segment() -> None:
    rig = opened()
    rig.speak(150)
    rig.fail(EngineFailed)
    rig.opens()
    rig.relay.settled(SETTLED)
    rig.fail(EngineFailed)
    assert len(rig.workers.placed) == 3


def in_decode_at_death(rig: RelayRig) -> Death:
    rig.opens()
    rig.relay.strikes.decoding((0,))
    return rig.lose()


def test_a_segment_that_two_workers_died_of_ends_its_session() -> None:
    rig = RelayRig("0", "1", "2")
    in_decode_at_death(rig).known(Cause.ITSELF)
    death = in_decode_at_death(rig)
    assert (len(rig.workers.placed), rig.workers.serve_waiting()) == (2, [False])
    death.known(Cause.ITSELF)
    assert rig.client.told[-2:] == [
        Degraded(round(PATIENCE_S)),
        Failed(EngineFailed.code, EngineFailed().text),
    ]
    assert len(rig.workers.placed) == 2


def test_it_is_placed_for_the_third_time_once_somebody_from_outside_is_known_to_be_the_cause() -> None:
    rig = RelayRig("0", "1", "2")
    deaths = [in_decode_at_death(rig), in_decode_at_death(rig)]
    rig.speak(100)
    deaths[1].known(Cause.ITSELF)
    assert rig.workers.waiting == [rig.relay]
    deaths[0].known(Cause.OUTSIDE)
    assert (rig.now.worker, rig.workers.waiting) == ("2", [])
    rig.opens()
    assert rig.now.told == [(0, 100)]
    assert rig.client.told[-1] == Moved("2")


def test_the_worker_of_the_moment_is_told_what_is_suspect_still() -> None:
    for cause, suspects in ((Cause.OUTSIDE, ()), (Cause.ITSELF, (0,)), (Cause.UNKNOWN, (0,))):
        rig = RelayRig()
        in_decode_at_death(rig).known(cause)
        assert rig.now.suspects == suspects


def test_one_that_was_held_back_waits_like_others_if_there_is_no_worker_then() -> None:
    rig = RelayRig("0", "1")
    in_decode_at_death(rig).known(Cause.ITSELF)
    in_decode_at_death(rig).known(Cause.OUTSIDE)
    assert rig.workers.waiting == [rig.relay]
    rig.workers.ready = ["0"]
    assert rig.workers.serve_waiting() == [True]


def test_whoever_waits_ends_when_two_workers_turn_out_to_have_hung_with_it() -> None:
    rig = RelayRig("0", "1")
    deaths = [in_decode_at_death(rig), in_decode_at_death(rig)]
    for death in deaths:
        death.known(Cause.UNKNOWN)
    assert rig.workers.waiting == [rig.relay]
    for death in deaths:
        death.known(Cause.ITSELF)
    assert (rig.client.told[-1], rig.workers.waiting) == (Failed(EngineFailed.code, EngineFailed().text), [])


def test_a_cause_that_becomes_known_after_the_end_changes_nothing() -> None:
    rig = RelayRig("0", "1", "2")
    deaths = [in_decode_at_death(rig), in_decode_at_death(rig)]
    rig.relay.close()
    told = list(rig.client.told)
    for death in deaths:
        death.known(Cause.ITSELF)
    assert (rig.client.told, len(rig.workers.placed)) == (told, 2)


def test_killed_workers_are_bad_luck_but_not_for_ever() -> None:
    rig = RelayRig(*map(str, range(MAX_LOSSES + 2)))
    for _ in range(MAX_LOSSES):
        rig.opens()
        rig.lose()
    assert len(rig.workers.placed) == MAX_LOSSES + 1
    rig.opens()
    rig.lose()
    assert rig.client.told[-1] == "given up"
    assert len(rig.workers.placed) == MAX_LOSSES + 1
