"""What of a session's beginning and end its trace is told; the rest shows in tests of live connections."""

from __future__ import annotations

import pytest

from common.clock import Clock
from common.errors import NoWorker
from common.events import Event, Resume, SessionOptions, Start
from gateway.access.doors import Unlimited
from gateway.hold import Registry
from gateway.limits_watch import TimeLimits
from gateway.live_services import LiveServices
from gateway.live_sessions import LiveSessions
from gateway.metrics import GatewayMetrics
from gateway.relay_services import RelayServices
from gateway.resume_tokens import ResumeTokens
from gateway.session_desk import SessionDesk
from tests.support.clock import ManualClock
from tests.support.kept_spans import KeptSpans, outcome, parent_id
from tests.support.live_client import NotedClient
from tests.support.relay_rig import Pins, Records, Workers

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, SPAN = int(CLIENT[3:35], 16), int(CLIENT[36:52], 16)


class LiveClient(NotedClient):
    """Also what its session tells it."""

    def opened(self) -> None: ...

    def moves(self, why: str, worker: str, unsettled: int) -> None: ...

    def flows(self) -> None: ...

    def event(self, event: Event) -> None: ...

    def given_up(self) -> None: ...


class Rig:
    def __init__(self, *workers: str, spans: KeptSpans | None = None) -> None:
        clock: Clock = ManualClock()
        metrics = GatewayMetrics("0")
        self.workers = Workers(*workers)
        relay = RelayServices(self.workers, Registry(Pins(), Records()), metrics, clock, 60, lambda: None)
        sessions = LiveSessions(metrics)
        self.services = LiveServices(
            relay,
            sessions,
            metrics,
            clock,
            ResumeTokens(lambda: ["seed"], clock.now),
            SessionOptions(),
            TimeLimits(60, 600, 14_400),
            30,
            None if spans is None else spans.tracing,
        )
        self.desk = SessionDesk(self.services, Unlimited())
        self.client = LiveClient(sessions)

    def starts(self, traceparent: str = "") -> None:
        self.desk.introduce("call", "start_stop", traceparent)
        self.desk.begin(self.client, Start(), SessionOptions())


def test_a_session_that_no_worker_takes_is_a_span_that_says_so() -> None:
    spans = KeptSpans()
    rig = Rig(spans=spans)
    with pytest.raises(NoWorker):
        rig.starts()
    rig.desk.end(NoWorker.code)
    [session] = spans.all
    assert outcome(session) == NoWorker.code


def test_each_session_of_a_connection_is_part_of_the_clients_trace() -> None:
    spans = KeptSpans()
    rig = Rig("0", spans=spans)
    rig.starts(CLIENT)
    rig.desk.greeting()
    rig.desk.end("stopped")
    rig.desk.begin(rig.client, Start(), SessionOptions())
    rig.desk.end("client")
    first, second = spans.of("session")
    assert [(span.context.trace_id, parent_id(span)) for span in (first, second)] == [(TRACE, SPAN)] * 2
    assert [(span.attributes or {})["session.id"] for span in (first, second)] == ["call", "call-2"]


def test_its_token_leads_whoever_resumes_it_into_its_trace() -> None:
    spans, elsewhere = KeptSpans(), KeptSpans()
    rig = Rig("0", spans=spans)
    rig.starts(CLIENT)
    token = rig.desk.greeting().grant.token
    rig.desk.end("client")
    other = Rig("0", spans=elsewhere)
    other.desk.begin(other.client, Resume(token), SessionOptions())
    other.desk.end("stopped")
    [before], [after] = spans.all, elsewhere.all
    assert (after.context.trace_id, parent_id(after)) == (TRACE, before.context.span_id)


def test_workers_are_told_the_trace_of_the_session() -> None:
    spans = KeptSpans()
    rig = Rig("0", spans=spans)
    rig.starts()
    rig.desk.end("stopped")
    [session] = spans.all
    assert f"-{session.context.span_id:016x}-" in rig.workers.traces[0]


def test_without_a_collector_nobody_is_told_of_any_trace() -> None:
    rig = Rig("0")
    rig.starts(CLIENT)
    assert rig.workers.traces == [""]
    assert rig.desk.session.trace == ""
    rig.desk.end("stopped")
