from __future__ import annotations

from common.errors import EngineFailed
from common.events import Degraded, EndpointReason, Moved, Partial, SpeechStarted
from common.events import Final as FinalEvent
from gateway.hold import Beginning
from gateway.session_trace import SessionTrace
from tests.support.kept_spans import KeptSpans, happened, outcome, parent_id
from tests.support.relay_rig import Client

FIRST = FinalEvent(0, "never to be seen", 1_600, 17_600, 20_000, EndpointReason.SILENCE)
LEAVES = ("leaves worker", {"reason": "link", "worker": "1", "replayed_ms": 250})
MOVED = ("moved", {"worker": "0"})


class Rig:
    def __init__(self, ratio: float = 1.0, parent: str = "", beginning: Beginning | None = None) -> None:
        self.spans = KeptSpans(ratio)
        self.client = Client()
        self.trace = SessionTrace(
            self.spans.tracing,
            beginning or Beginning("call", "ada"),
            "start_stop",
            parent,
        )
        self.listener = self.trace.listener(self.client)


def test_a_session_says_whose_it_was_and_how_it_ended() -> None:
    rig = Rig()
    rig.listener.opened()
    rig.trace.end("stopped")
    rig.trace.end("client")
    [session] = rig.spans.all
    assert dict(session.attributes or {}) == {
        "session.id": "call",
        "voxshard.tenant": "ada",
        "voxshard.dialect": "start_stop",
        "voxshard.resumed": False,
        "voxshard.outcome": "stopped",
    }
    assert happened(session) == [("opened", {})]


def test_all_that_is_said_comes_to_the_client() -> None:
    rig = Rig()
    rig.listener.opened()
    rig.listener.flows()
    rig.listener.moves("link", "1", 4_000)
    rig.listener.event(FIRST)
    rig.listener.given_up()
    rig.listener.broken()
    assert rig.client.told == ["opened", FIRST, "given up", "broken"]
    assert (rig.client.flowed, rig.client.moved) == (1, [("link", "1", 4_000)])


def test_an_utterance_lasts_from_its_speech_to_its_final() -> None:
    rig = Rig()
    rig.listener.event(SpeechStarted(0, 1_600))
    rig.listener.event(Partial(0, 1, "never", 1_600, 9_600))
    rig.listener.event(SpeechStarted(1, 30_000))
    rig.listener.event(FIRST)
    [utterance] = rig.spans.all
    assert dict(utterance.attributes or {}) == {
        "voxshard.segment": 0,
        "voxshard.reason": "silence",
        "voxshard.speech_ms": 1_000,
        "voxshard.outcome": "locked",
    }
    rig.trace.end(EngineFailed.code)
    _, unfinished, session = rig.spans.all
    assert [outcome(span) for span in (unfinished, session)] == [EngineFailed.code] * 2
    assert not any(span.status.is_ok for span in (unfinished, session))
    assert [parent_id(span) for span in (utterance, unfinished)] == [session.context.span_id] * 2


def test_a_move_is_an_event_of_the_session_and_of_whatever_is_half_said() -> None:
    rig = Rig()
    rig.listener.event(SpeechStarted(0, 0))
    rig.listener.event(FIRST)
    rig.listener.event(SpeechStarted(1, 30_000))
    rig.listener.moves("link", "1", 4_000)
    rig.listener.event(Degraded(120))
    rig.listener.event(Moved("0"))
    rig.trace.end("stopped")
    before, during, session = rig.spans.all
    assert happened(before) == []
    assert happened(during) == happened(session) == [LEAVES, ("no worker", {}), MOVED]


def test_a_final_of_an_utterance_that_began_elsewhere_makes_no_span() -> None:
    rig = Rig(beginning=Beginning("call", "ada", 3))
    rig.listener.event(FIRST)
    rig.trace.end("stopped")
    [session] = rig.spans.all
    assert (session.attributes or {})["voxshard.resumed"] is True


def test_who_resumes_it_goes_on_with_the_trace() -> None:
    first = Rig()
    second = Rig(ratio=0, parent=first.trace.context, beginning=Beginning("call", "ada", 3))
    first.trace.end("client")
    second.trace.end("stopped")
    [before], [after] = first.spans.all, second.spans.all
    assert parent_id(after) == before.context.span_id
    assert after.context.trace_id == before.context.trace_id


def test_a_trace_that_is_not_kept_costs_nothing_on_the_way_to_the_client() -> None:
    rig = Rig(ratio=0)
    assert rig.listener is rig.client
    # Who goes on with it is not to begin a trace of its own.
    assert rig.trace.context.startswith("00-")
    rig.trace.end("stopped")
    assert rig.spans.all == []


def test_nothing_of_what_was_said_is_in_any_span() -> None:
    rig = Rig()
    rig.listener.event(SpeechStarted(0, 0))
    rig.listener.event(FIRST)
    rig.trace.end("stopped")
    assert not any("never" in span.to_json() for span in rig.spans.all)
