"""The sessions of one connection, one after another: what each needs to begin, and what its end frees."""

from __future__ import annotations

from functools import partial

from common.audio import pcm16_samples
from common.events import Resume, Resumed, ResumeGrant, SessionOptions, Start, Started, failure
from gateway.access.doors import Allowance
from gateway.hold import Beginning
from gateway.intake import SessionNames
from gateway.live_services import LiveServices
from gateway.registry.records import RESUME_WITHIN_S
from gateway.relay import SessionRelay
from gateway.resume_tokens import ResumeClaim
from gateway.session_seams import SessionClient


class SessionDesk:
    def __init__(self, services: LiveServices, allowance: Allowance) -> None:
        self._services = services
        self._allowance = allowance
        self._names = SessionNames()
        # From its beginning to its last event.
        self.running: SessionRelay | None = None

    def name(self, wanted: str | None) -> None:
        """The id that the client has asked for, if it has. Raises `SessionInUse`."""
        self._names = SessionNames(wanted)
        self._services.sessions.check_free(self._names.next_id)

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
        relay = SessionRelay(beginning, options, client, self._services.relay)
        relay.start()
        self.running = relay
        self._services.sessions.started(relay.id, client)

    def audio(self, pcm: bytes) -> None:
        """Raises `AudioQuota`."""
        if pcm:
            self._allowance.hear(pcm16_samples(pcm))
            self.session.audio(pcm)

    def greeting(self) -> Started | Resumed:
        """What the client is told once a worker has the session."""
        relay = self.session
        self._names.taken()
        claim = ResumeClaim(relay.id, self._allowance.tenant, relay.pin_epoch)
        grant = ResumeGrant(self._services.tokens.token(claim), RESUME_WITHIN_S)
        if not relay.is_resumed:
            return Started(relay.id, relay.worker, grant)
        self._services.metrics.resumed()
        head, finals = relay.record.head, relay.record.finals
        ack = head.checkpoint.audio_from if head.heard is None else head.heard
        return Resumed(relay.id, relay.worker, grant, ack, finals, head.heard)

    def end(self) -> None:
        """Does nothing if none is running."""
        self._allowance.end()
        relay, self.running = self.running, None
        if relay is not None:
            self._services.sessions.ended(relay.id)
            relay.close()

    def _new(self) -> Beginning:
        name = self._names.next_id
        self._services.sessions.check_free(name)
        return Beginning(name, self._allowance.tenant)

    def _resumed(self, token: str) -> Beginning:
        claim = self._services.tokens.claim(token, self._allowance.tenant)
        self._services.sessions.take_over(claim.session)
        self._names = SessionNames(claim.session)
        return Beginning(claim.session, claim.tenant, claim.epoch)
