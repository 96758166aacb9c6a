"""What sessions hear when their worker is lost or leaves, and what is asked about it."""

from __future__ import annotations

from functools import partial

from common.link import Decoding, FrameType, Load, Suspects
from gateway.death import Cause, Death
from gateway.strikes import Verdict
from tests.support.link_rig import HELLO, LinkRig, Listener, with_link


def test_of_a_lost_link_who_has_least_to_be_heard_again_hears_first() -> None:
    def check(rig: LinkRig) -> None:
        order: list[int] = []
        for unsettled in (300, 100, 200):
            listener = Listener(unsettled=unsettled)
            listener.worker_lost = partial(order.append, unsettled)  # type: ignore[method-assign]
            rig.open(listener)
        rig.link.link_lost(rig.transport)
        assert order == [100, 200, 300]

    with_link(check)


def test_the_cause_of_a_loss_is_asked_for_and_told_to_whoever_may_be_it() -> None:
    def check(rig: LinkRig) -> None:
        rig.link.link_up(rig.transport)
        rig.hear(FrameType.HELLO, HELLO, stream=0)
        suspect, bad = Listener(), Listener(raises_at="cause known")
        innocent, left = Listener(), Listener()
        for listener in (suspect, bad, innocent):
            rig.open(listener)
        rig.open(left).close()
        for stream in (1, 2):
            rig.hear(FrameType.DECODING, Decoding((3,)), stream=stream)
        rig.link.link_lost(rig.transport)
        [(worker, death)] = rig.causes.deaths
        assert (worker, suspect.strikes.suspects, innocent.strikes.suspects) == ("1", (3,), ())
        death.known(Cause.OUTSIDE)
        assert suspect.strikes.suspects == ()
        assert (suspect.told, innocent.told, left.told) == (["lost", "cause known"], ["lost"], [])
        assert bad.told == ["lost", "cause known", "broken"]

    with_link(check)


def test_a_suspect_is_opened_as_one_and_has_nothing_in_decode_yet() -> None:
    def check(rig: LinkRig) -> None:
        listener = Listener()
        listener.strikes.decoding((1,))
        listener.strikes.lost(Death())
        sent = rig.record()
        rig.open(listener)
        opened, suspects = sent()
        assert (opened.kind, suspects.payload) == (FrameType.OPEN, Suspects((1,)))
        listener.strikes.lost(Death())
        assert listener.strikes.verdict is Verdict.PLACE

    with_link(check)


def test_all_sessions_hear_of_the_loss_even_if_one_raises() -> None:
    def check(rig: LinkRig) -> None:
        listeners = [Listener(), Listener(raises_at="lost"), Listener()]
        for listener in listeners:
            rig.open(listener)
        rig.link.link_lost(rig.transport)
        assert [listener.told[0] for listener in listeners] == ["lost"] * 3

    with_link(check)


def test_sessions_of_a_worker_that_drains_are_asked_to_leave_each_time_it_says_so() -> None:
    def check(rig: LinkRig) -> None:
        rig.link.link_up(rig.transport)
        listeners = [Listener(), Listener(raises_at="leave"), Listener()]
        for listener in listeners:
            rig.open(listener)
        for _ in range(2):
            rig.hear(FrameType.LOAD, Load(False, 3, 1, 0, 7, None, draining=True), stream=0)
        assert [listener.told for listener in listeners] == [
            ["leave", "leave"],
            ["leave", "broken", "leave", "broken"],
            ["leave", "leave"],
        ]
        assert not rig.link.ready

    with_link(check)
