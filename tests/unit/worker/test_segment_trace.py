from __future__ import annotations

import inspect

import pytest

from common.checkpoint import ORIGIN
from common.events import EndpointReason, SessionOptions
from common.events import Final as FinalEvent
from common.link import Open
from tests.support.clock import ManualClock
from tests.support.kept_spans import KeptSpans, happened, outcome, parent_id
from tests.support.session_rig import SessionRig
from tests.support.sound import LOUD, QUIET, sound
from worker.engines.base import Hypothesis
from worker.pipeline.effects import Decode, DecodeKind
from worker.segment_trace import UNTRACED, TracedSegments, Untraced
from worker.session import SessionLife

SESSION = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FINAL = FinalEvent(2, "never to be seen", 0, 16_000, 20_000, EndpointReason.SILENCE)
SPECULATION = Decode(DecodeKind.SPECULATIVE, 2, 0, 16_000)
PARTIAL = Decode(DecodeKind.PARTIAL, 2, 0, 8_000)


class Rig:
    def __init__(self) -> None:
        self.spans = KeptSpans()
        self.clock = ManualClock(1_700_000_000.0)
        request = Open("call", SessionOptions(), ORIGIN, 0, SESSION)
        self.trace = TracedSegments(self.spans.tracing, request, 3, self.clock)


def test_a_segment_shows_what_it_waited_for() -> None:
    rig = Rig()
    rig.trace.opened(2, 0.25)
    rig.trace.begun(PARTIAL)
    rig.trace.decoded(PARTIAL, Hypothesis("never", 0.1))
    rig.trace.begun(SPECULATION)
    rig.trace.closed(2)
    rig.trace.decoded(SPECULATION, Hypothesis("never", 0.1, stages=(("encode", 0.0124), ("generate", 0.2))))
    rig.trace.locked(FINAL)
    [span] = rig.spans.all
    assert span.start_time == 1_699_999_999_750_000_000
    assert happened(span) == [
        ("speech", {}),
        ("decode", {"kind": "speculative"}),
        ("endpoint", {}),
        ("decoded", {"encode_ms": 12, "generate_ms": 200}),
    ]
    assert dict(span.attributes or {}) == {
        "session.id": "call",
        "voxshard.epoch": 3,
        "voxshard.segment": 2,
        "voxshard.outcome": "locked",
    }
    assert "never" not in span.to_json()


def test_it_is_below_its_utterance_which_the_gateway_tells_of() -> None:
    gateway, worker = KeptSpans(), KeptSpans()
    session = gateway.tracing.session("", {})
    utterance = gateway.tracing.utterance(session, 2)
    request = Open("call", SessionOptions(), ORIGIN, 0, gateway.tracing.traceparent(session))
    TracedSegments(worker.tracing, request, 1, ManualClock()).locked(FINAL)
    assert parent_id(worker.all[0]) == utterance.get_span_context().span_id


def test_one_that_began_in_another_worker_is_told_of_all_the_same() -> None:
    rig = Rig()
    rig.trace.begun(SPECULATION)
    rig.trace.locked(FINAL)
    assert [outcome(span) for span in rig.spans.all] == ["locked"]


def test_an_answer_behind_the_final_makes_no_second_span() -> None:
    rig = Rig()
    rig.trace.opened(2, 0.0)
    rig.trace.locked(FINAL)
    rig.trace.decoded(SPECULATION, Hypothesis("never", 0.1))
    rig.trace.end("stopped")
    assert len(rig.spans.all) == 1


def test_what_is_unfinished_when_the_session_leaves_ends_with_it() -> None:
    rig = Rig()
    rig.trace.opened(0, 0.0)
    rig.trace.opened(1, 0.0)
    rig.trace.end("dropped")
    rig.trace.end("dropped")
    assert [outcome(span) for span in rig.spans.all] == ["dropped", "dropped"]


def test_a_session_tells_all_of_that() -> None:
    rig, kept = SessionRig(), KeptSpans()
    session, _ = rig.open()
    request = Open("call", SessionOptions(), ORIGIN, 0, SESSION)
    session.timing.trace = TracedSegments(kept.tracing, request, 1, ManualClock())
    rig.hear(session, sound((LOUD, 1.0), (QUIET, 0.5)))
    rig.scheduler.answer("ever tried")
    rig.hear(session, sound((QUIET, 0.3), (LOUD, 1.0)))
    session.end(SessionLife.DROPPED)
    first, second = kept.all
    assert [outcome(span) for span in (first, second)] == ["locked", "dropped"]
    assert [name for name, _ in happened(first)][:2] == ["speech", "decode"]


@pytest.mark.parametrize("name", [name for name in vars(Untraced) if not name.startswith("_")])
def test_where_nobody_traces_the_same_can_be_told(name: str) -> None:
    told, heard = (inspect.signature(getattr(kind, name)) for kind in (Untraced, TracedSegments))
    assert told == heard


def test_and_nothing_comes_of_it() -> None:
    UNTRACED.opened(2, 0.0)
    UNTRACED.closed(2)
    UNTRACED.begun(SPECULATION)
    UNTRACED.decoded(SPECULATION, Hypothesis("never", 0.1))
    UNTRACED.locked(FINAL)
    UNTRACED.end("stopped")
    assert not vars(UNTRACED)
