"""The sessions of one connection, one after another: what each needs to begin, and what its end frees."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

from common.audio import pcm16_samples
from common.events import Event, Resume, Resumed, ResumeGrant, SessionOptions, Start, Started, failure
from gateway.access.doors import Allowance
from gateway.client_latency import ClientLatency
from gateway.hold import Beginning
from gateway.intake import SessionNames
from gateway.live_services import LiveServices
from gateway.registry.records import RESUME_WITHIN_S
from gateway.relay import SessionRelay
from gateway.resume_tokens import ResumeClaim
from gateway.session_log import Order
from gateway.session_seams import SessionClient
from gateway.session_trace import SessionTrace

log = logging.getLogger(__name__)


class SessionDesk:
    def __init__(self, services: LiveServices, allowance: Allowance) -> None:
        self._services = services
        self._allowance = allowance
        self._names = SessionNames()
        self._dialect = ""
        # Of the request that the connection began with.
        self._traceparent = ""
        self._trace: SessionTrace | None = None
        self._latency = self._fresh_latency()
        # From its beginning to its last event.
        self.running: SessionRelay | None = None

    def introduce(self, wanted: str | None, dialect: str, traceparent: str) -> None:
        """What its client has asked for, an id and a trace, if it has, and how it speaks. Raises
        `SessionInUse`."""
        self._dialect, self._traceparent = dialect, traceparent
        self._names = SessionNames(wanted)
        self._services.sessions.check_free(self._names.next_id)

    @property
    def tenant(self) -> str:
        return self._allowance.tenant

    @property
    def session(self) -> SessionRelay:
        """The one that is running; there must be one."""
        assert self.running is not None
        return self.running

    def begin(self, client: SessionClient, command: Start | Resume, options: SessionOptions) -> None:
        """Raises the `VoxshardError` that refuses it; some come later, as events. A session that is resumed
        has options of its own."""
        if isinstance(command, Resume):
            resumed = self._resumed(command.token)
            self._allowance.go_on()
            self._open(client, resumed, options)
        else:
            granted = partial(self._open, client, self._new(), options)
            self._allowance.begin(granted, lambda error: client.event(failure(error)))

    def _open(self, client: SessionClient, beginning: Beginning, options: SessionOptions) -> None:
        listener = client if self._trace is None else self._trace.listener(client)
        relay = SessionRelay(beginning, options, listener, self._services.relay)
        self._latency = self._fresh_latency()
        relay.start()
        self.running = relay
        self._services.sessions.started(relay.id, client)

    def audio(self, pcm: bytes) -> None:
        """Raises `AudioQuota`."""
        if pcm:
            self._allowance.hear(pcm16_samples(pcm))
            self.session.audio(pcm)
            self._latency.heard(self._heard, self.session.checkpoint.audio_from)

    def order(self, order: Order) -> None:
        self._latency.ordered(self._heard)
        self.session.order(order)

    def told(self, event: Event) -> None:
        """The client of the running session, if it still is, has been told so."""
        if self.running is not None:
            self._latency.told(event)

    @property
    def _heard(self) -> int:
        """One past the newest sample of the session."""
        return self.session.checkpoint.audio_from + self.session.unsettled

    def greeting(self) -> Started | Resumed:
        """What the client is told once a worker has the session."""
        relay = self.session
        self._names.taken()
        log.info("session begins", extra={"session": relay.id, "tenant": self.tenant, "worker": relay.worker})
        claim = ResumeClaim(relay.id, self.tenant, relay.pin_epoch, relay.trace)
        grant = ResumeGrant(self._services.tokens.token(claim), RESUME_WITHIN_S)
        if not relay.is_resumed:
            return Started(relay.id, relay.worker, grant)
        self._services.metrics.resumed()
        head, finals = relay.record.head, relay.record.finals
        ack = head.checkpoint.audio_from if head.heard is None else head.heard
        return Resumed(relay.id, relay.worker, grant, ack, finals, head.heard)

    def end(self, outcome: str) -> None:
        """Does nothing if none is running. `outcome`: the code of an error, or how else it has ended."""
        self._allowance.end()
        trace, self._trace = self._trace, None
        if trace is not None:
            trace.end(outcome)
        relay, self.running = self.running, None
        if relay is not None:
            self._services.sessions.ended(relay.id)
            relay.close()
            log.info("session ends", extra={"session": relay.id})

    def lose(self, reason: str) -> None:
        """The running one, if there is one, ends by no wish of its client: what it has not settled is lost,
        unless the client says it again. `reason`: code of an error."""
        if self.running is not None:
            self._services.metrics.lost(reason, self.running.unsettled)
        self.end(reason)

    def _fresh_latency(self) -> ClientLatency:
        return ClientLatency(self._services.metrics.latency, self._services.clock)

    def _new(self) -> Beginning:
        name = self._names.next_id
        self._services.sessions.check_free(name)
        return self._traced(Beginning(name, self.tenant), self._traceparent)

    def _resumed(self, token: str) -> Beginning:
        claim = self._services.tokens.claim(token, self.tenant)
        self._services.sessions.take_over(claim.session, claim.tenant)
        self._names = SessionNames(claim.session)
        return self._traced(
            Beginning(claim.session, claim.tenant, claim.epoch), claim.trace or self._traceparent
        )

    def _traced(self, beginning: Beginning, parent: str) -> Beginning:
        if self._services.tracing is None:
            return beginning
        self._trace = SessionTrace(self._services.tracing, beginning, self._dialect, parent)
        return replace(beginning, trace=self._trace.context)
