from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from common.checkpoint import Checkpoint
from common.events import Event, Failed, SessionOptions, Settled, Stopped
from common.link import (
    LINK_VERSION,
    Decoding,
    Frame,
    FrameDecoder,
    FrameType,
    Hello,
    Load,
    Open,
    Opened,
    Suspects,
)
from common.link_transport import LinkTransport
from gateway.admission import Limits
from gateway.causes import Causes
from gateway.death import Cause, Death
from gateway.lost_workers import LostWorkers
from gateway.session_log import Order
from gateway.strikes import Strikes, Verdict
from gateway.worker_link import SessionStream, WorkerLink
from tests.support.aio import run
from tests.support.clock import ManualClock

EPOCH = 3
HELLO = Hello(LINK_VERSION, "1", 4711, "http://127.0.0.1:9501/metrics")
STOPPED = Stopped(heard=320)

LIMITS = Limits(max_lag_ms=1_000, max_speaking=1)


class Listener:
    """Remembers what it was told; raises at what it is told to raise at."""

    id = "call"
    checkpoint = Checkpoint(100, 200, 1)

    def __init__(self, raises_at: str = "", unsettled: int = 0) -> None:
        self.told: list[str] = []
        self.strikes = Strikes()
        self.unsettled = unsettled
        self._raises_at = raises_at

    def opened(self) -> None:
        self._note("opened")

    def credit(self, samples: int) -> None:
        self._note(f"credit {samples}")

    def settled(self, checkpoint: Checkpoint) -> None:
        self._note(f"settled {checkpoint.audio_from}")

    def event(self, event: Event) -> None:
        self._note(type(event).__name__)

    @property
    def pin_epoch(self) -> int:
        return 1

    def leave(self) -> None:
        self._note("leave")

    def worker_lost(self) -> None:
        self._note("lost")

    def cause_known(self) -> None:
        self._note("cause known")

    def broken(self) -> None:
        self._note("broken")

    def _note(self, what: str) -> None:
        self.told.append(what)
        if what == self._raises_at:
            raise RuntimeError(what)


class Asked(Causes):
    """Keeps what is asked; the test knows."""

    def __init__(self) -> None:
        super().__init__()
        self.deaths: list[tuple[str, Death]] = []

    def ask(self, worker: Hello, death: Death) -> None:
        self.deaths.append((worker.name, death))


class Rig:
    """A link whose other end is the test. Needs a running loop."""

    def __init__(self) -> None:
        self.stale = 0
        self.causes = Asked()
        self.lost = LostWorkers(ManualClock(), self.causes)
        self.link = WorkerLink("0", "http://127.0.0.1:9400/metrics", LIMITS, self._count_stale, self.lost)
        self.transport = LinkTransport(self.link)

    def open(self, listener: Listener) -> SessionStream:
        return self.link.open(listener, SessionOptions(), EPOCH)

    def _count_stale(self) -> None:
        self.stale += 1

    def record(self) -> Callable[[], list[Frame]]:
        """What is sent from now on."""
        written: list[bytes] = []
        self.link.link_up(self.transport)
        self.transport.write = written.append  # type: ignore[method-assign, assignment]
        return lambda: list(FrameDecoder().feed(b"".join(written)))

    def hear(self, kind: FrameType, payload: object, *, stream: int = 1, epoch: int = EPOCH) -> None:
        self.link.frame(self.transport, Frame(kind, stream, epoch, 0, payload))


def in_loop(check: object) -> None:
    async def scenario() -> None:
        assert callable(check)
        check(Rig())
        await asyncio.sleep(0)

    run(scenario())


def test_a_session_hears_that_it_is_open_and_what_it_may_send() -> None:
    def check(rig: Rig) -> None:
        listener = Listener()
        rig.open(listener)
        rig.hear(FrameType.OPENED, Opened(64_000))
        rig.hear(FrameType.STOPPED, STOPPED)
        assert listener.told == ["opened", "credit 64000", "Stopped"]

    in_loop(check)


def test_it_hears_what_is_settled() -> None:
    def check(rig: Rig) -> None:
        listener = Listener()
        rig.open(listener)
        rig.hear(FrameType.SETTLED, Settled(Checkpoint(640, 640, 2)))
        assert listener.told == ["settled 640"]

    in_loop(check)


def test_a_placement_begins_at_the_sessions_checkpoint_in_its_epoch() -> None:
    def check(rig: Rig) -> None:
        sent = rig.record()
        stream = rig.open(Listener())
        stream.audio(100, b"abcd")
        stream.order(Order.COMMIT)
        stream.order(Order.STOP)
        frames = sent()
        assert [frame.kind for frame in frames] == [
            FrameType.OPEN,
            FrameType.AUDIO,
            FrameType.COMMIT,
            FrameType.STOP,
        ]
        assert {frame.epoch for frame in frames} == {EPOCH}
        assert frames[0].payload == Open("call", SessionOptions(), Listener.checkpoint, pin_epoch=1)
        assert (frames[1].sequence, frames[1].payload) == (100, b"abcd")

    in_loop(check)


def test_of_a_lost_link_who_has_least_to_be_heard_again_hears_first() -> None:
    def check(rig: Rig) -> None:
        order: list[int] = []
        for unsettled in (300, 100, 200):
            listener = Listener(unsettled=unsettled)
            listener.worker_lost = partial(order.append, unsettled)  # type: ignore[method-assign]
            rig.open(listener)
        rig.link.link_lost(rig.transport)
        assert order == [100, 200, 300]

    in_loop(check)


def test_a_frame_of_another_epoch_is_dropped_and_counted() -> None:
    def check(rig: Rig) -> None:
        listener = Listener()
        rig.open(listener)
        rig.hear(FrameType.STOPPED, STOPPED, epoch=EPOCH - 1)
        assert (listener.told, rig.stale) == ([], 1)
        rig.hear(FrameType.STOPPED, STOPPED)
        assert (listener.told, rig.stale) == (["Stopped"], 1)

    in_loop(check)


def test_a_session_that_was_closed_hears_nothing_more() -> None:
    def check(rig: Rig) -> None:
        listener = Listener()
        rig.open(listener).close()
        rig.hear(FrameType.STOPPED, STOPPED)
        assert listener.told == []

    in_loop(check)


def test_a_listener_that_raises_is_broken_and_the_link_goes_on() -> None:
    def check(rig: Rig) -> None:
        bad, good = Listener(raises_at="Stopped"), Listener()
        rig.open(bad)
        rig.open(good)
        rig.hear(FrameType.STOPPED, STOPPED, stream=1)
        rig.hear(FrameType.STOPPED, STOPPED, stream=2)
        assert (bad.told, good.told) == (["Stopped", "broken"], ["Stopped"])

    in_loop(check)


def test_the_cause_of_a_loss_is_asked_for_and_told_to_whoever_may_be_it() -> None:
    def check(rig: Rig) -> None:
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

    in_loop(check)


def test_a_suspect_is_opened_as_one_and_has_nothing_in_decode_yet() -> None:
    def check(rig: Rig) -> None:
        listener = Listener()
        listener.strikes.decoding((1,))
        listener.strikes.lost(Death())
        sent = rig.record()
        rig.open(listener)
        opened, suspects = sent()
        assert (opened.kind, suspects.payload) == (FrameType.OPEN, Suspects((1,)))
        listener.strikes.lost(Death())
        assert listener.strikes.verdict is Verdict.PLACE

    in_loop(check)


def test_all_sessions_hear_of_the_loss_even_if_one_raises() -> None:
    def check(rig: Rig) -> None:
        listeners = [Listener(), Listener(raises_at="lost"), Listener()]
        for listener in listeners:
            rig.open(listener)
        rig.link.link_lost(rig.transport)
        assert [listener.told[0] for listener in listeners] == ["lost"] * 3

    in_loop(check)


def test_sessions_of_a_worker_that_drains_are_asked_to_leave_each_time_it_says_so() -> None:
    def check(rig: Rig) -> None:
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

    in_loop(check)


def test_it_is_ready_once_the_worker_says_so() -> None:
    def check(rig: Rig) -> None:
        rig.link.link_up(rig.transport)
        seen = [rig.link.ready]
        rig.hear(FrameType.HELLO, HELLO, stream=0)
        rig.hear(FrameType.LOAD, Load(True, 3, 1, 0, 7, None), stream=0)
        seen.append(rig.link.ready)
        rig.link.link_lost(rig.transport)
        seen.append(rig.link.ready)
        assert seen == [False, True, False]
        assert (rig.link.name, rig.link.sessions) == ("1", 3)

    in_loop(check)


def test_what_it_is_given_takes_room_until_a_report_behind_its_answer_counts_it() -> None:
    def check(rig: Rig) -> None:
        rig.open(Listener())
        assert not rig.link.room.is_free
        rig.hear(FrameType.LOAD, Load(True, 0, 0, 0, 7, None), stream=0)
        assert not rig.link.room.is_free, "it was on its way when this was said"
        rig.hear(FrameType.OPENED, Opened(64_000))
        rig.hear(FrameType.LOAD, Load(True, 0, 0, 0, 8, None), stream=0)
        assert rig.link.room.is_free

    in_loop(check)


def test_what_is_refused_by_the_worker_takes_no_room() -> None:
    def check(rig: Rig) -> None:
        rig.open(Listener())
        rig.hear(FrameType.FAILED, Failed("overloaded", "no"))
        assert rig.link.room.is_free

    in_loop(check)


def test_it_says_once_that_the_worker_is_late_and_once_that_it_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    def check(rig: Rig) -> None:
        rig.hear(FrameType.HELLO, HELLO, stream=0)
        caplog.clear()
        for lag_ms in (1_001, 800, 500, 400):
            rig.hear(FrameType.LOAD, Load(True, 0, 0, lag_ms, 7, None), stream=0)

    in_loop(check)
    assert caplog.messages == ["worker late, no new sessions", "worker in time again"]
