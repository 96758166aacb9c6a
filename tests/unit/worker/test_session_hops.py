"""Hops that a session takes in one go do what they would do one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from common.audio import BYTES_PER_SAMPLE, seconds_to_samples
from common.errors import SessionEvicted
from common.events import EndpointReason, SpeechStarted
from common.events import Final as FinalEvent
from common.link import Credit, FrameType
from common.settings import Settings
from tests.support.session_rig import SessionRig
from tests.support.sound import LOUD, QUIET, Piece, sound, sounds
from worker.pipeline.hop import HOP_SAMPLES
from worker.pipeline.orders import Mark
from worker.session import SessionLife, WorkerSession
from worker.vad.pool import MAX_HOPS

# Short, so that there are many cuts.
CAP_S: Final = 2.0
SHORT: Final = Settings(segment_cap_ms=int(CAP_S * 1_000))


@dataclass(frozen=True, slots=True)
class Step:
    """Audio that comes at once, then perhaps an order, then perhaps the answers to some decodes."""

    seconds: float
    mark: bool
    answers: int


Frames = list[tuple[FrameType, msgspec.Struct]]

STEPS: Final = st.lists(
    st.builds(Step, st.sampled_from([0.02, 0.1, 0.7, 3.0, 9.0]), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=8,
)
LIMITS: Final = st.lists(st.integers(1, MAX_HOPS), min_size=1, max_size=5)


class Told:
    """A session from START to STOP, told to take at most so many hops in one go."""

    def __init__(self, limits: list[int], *, marks_in_flight: bool = False) -> None:
        self.rig = SessionRig(SHORT, limits)
        self.session, self.sent = self.rig.open()
        self._marks_in_flight = marks_in_flight
        self._answers = 0

    def through(self, pcm: bytes, steps: list[Step]) -> Frames:
        position = 0
        while position < len(pcm):
            for step in steps:
                frame = seconds_to_samples(step.seconds) * BYTES_PER_SAMPLE
                if part := pcm[position : position + frame]:
                    self._take(part, step)
                position += frame
        self._mark(Mark.STOP)
        while self._answer():
            pass
        return self.sent.frames

    def _take(self, pcm: bytes, step: Step) -> None:
        self.session.audio(pcm)
        if step.mark and self._marks_in_flight:
            heard = self.rig.pool.hear(self.session)
            self.session.mark(Mark.COMMIT)
            self.rig.pool.give(self.session, heard)
            self.rig.pool.work()
        else:
            self.rig.pool.work()
            if step.mark:
                self._mark(Mark.COMMIT)
        for _ in range(step.answers):
            self._answer()

    def _mark(self, mark: Mark) -> None:
        self.session.mark(mark)
        self.rig.pool.work()

    def _answer(self) -> bool:
        self._answers += 1
        answered = self.rig.scheduler.take_and_answer(f"ever {self._answers}")
        self.rig.pool.work()
        return answered


@settings(max_examples=40)
@given(pieces=sounds(max_pieces=10), steps=STEPS, limits=LIMITS)
def test_hops_taken_together_do_what_they_do_one_by_one(
    pieces: list[Piece], steps: list[Step], limits: list[int]
) -> None:
    pcm = sound(*pieces)
    one_by_one, together = Told([1]), Told(limits)
    assert together.through(pcm, steps) == one_by_one.through(pcm, steps)
    assert together.session.life is SessionLife.STOPPED
    assert _asked(together) == _asked(one_by_one)


@settings(max_examples=30)
@given(pieces=sounds(max_pieces=10), steps=STEPS, limits=LIMITS)
def test_an_order_that_comes_while_hops_are_heard_is_carried_out_in_its_place(
    pieces: list[Piece], steps: list[Step], limits: list[int]
) -> None:
    pcm = sound(*pieces)
    before, meanwhile = Told([1]), Told(limits, marks_in_flight=True)
    assert _events(meanwhile.through(pcm, steps)) == _events(before.through(pcm, steps))


def _asked(told: Told) -> list[tuple[str, int, int]]:
    return [(served.kind.name, served.start, len(served.audio)) for served in told.rig.scheduler.served]


def _events(frames: Frames) -> Frames:
    """Without credit, which is counted in hops and not in orders."""
    return [(kind, payload) for kind, payload in frames if not isinstance(payload, Credit)]


def opened(pcm: bytes) -> tuple[SessionRig, WorkerSession]:
    rig = SessionRig(SHORT)
    session, _ = rig.open()
    session.audio(pcm)
    return rig, session


def test_hops_come_in_order_and_as_many_as_wanted() -> None:
    _, session = opened(sound((LOUD, 0.5)))
    hops = session.next_hops(4)
    starts = range(0, 4 * HOP_SAMPLES, HOP_SAMPLES)
    whole = session.pipeline.timeline.samples
    assert [hop.tolist() for hop in hops] == [whole(at, at + HOP_SAMPLES).tolist() for at in starts]
    assert len(session.next_hops(MAX_HOPS)) == seconds_to_samples(0.5) // HOP_SAMPLES
    assert session.pipeline.cursor == 0


def test_hops_behind_a_cut_are_dropped_and_heard_again() -> None:
    rig, session = opened(sound((LOUD, CAP_S + 1.0)))
    cursors = [0]
    while (heard := rig.pool.hear(session)) and session.hops_done(heard):
        cursors.append(session.pipeline.cursor)
        if cursors[-1] < cursors[-2] + len(heard) * HOP_SAMPLES:
            break
    # Sent back by the cut, and nothing of what followed it in the same go has moved it on.
    [final] = [queued for queued in iter(rig.scheduler.take, None) if queued[1].kind.name == "FINAL"]
    assert cursors[-1] == final[1].end
    assert session.vad_state == rig.pool.fresh_state()


def test_a_session_that_ends_while_its_hops_are_heard_takes_none_of_them() -> None:
    rig, session = opened(sound((LOUD, 1.0)))
    heard = rig.pool.hear(session)
    session.fail(SessionEvicted(), SessionLife.EVICTED)
    assert not session.hops_done(heard)
    assert session.pipeline.cursor == 0


def test_a_session_behind_says_that_it_has_more_until_it_has_not() -> None:
    rig, session = opened(sound((QUIET, 40 * HOP_SAMPLES / 16_000)))
    more = [session.hops_done(rig.pool.hear(session)) for _ in range(3)]
    assert more == [True, True, False]


def test_a_session_whose_gateway_is_lost_by_an_event_takes_no_further_hop() -> None:
    rig = SessionRig()

    def lost(kind: FrameType, payload: msgspec.Struct) -> None:
        session.end(SessionLife.DROPPED)

    session = WorkerSession("call", lost, rig.services, rig.open()[0].pipeline)
    session.audio(sound((LOUD, 0.5)))
    assert not session.hops_done(rig.pool.hear(session))
    assert session.life is SessionLife.DROPPED
    assert session.pipeline.cursor == 2 * HOP_SAMPLES


def test_segments_of_hops_taken_together_are_cut_where_they_always_are() -> None:
    told = Told([MAX_HOPS])
    told.through(sound((LOUD, 2 * CAP_S)), [Step(30.0, mark=False, answers=0)])
    reasons = [final.reason for final in told.sent.all(FinalEvent)]
    assert reasons[0] is EndpointReason.MAX_LENGTH and reasons[-1] is EndpointReason.STOP
    assert len(told.sent.all(SpeechStarted)) == len(reasons)
