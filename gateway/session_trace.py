"""A session as a span, its utterances as spans below it, what happens to its workers as events of both.

Times, numbers and codes only: no text and no audio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.audio import samples_to_ms
from common.events import Degraded, Event, Moved, SpeechStarted
from common.events import Final as FinalEvent
from gateway.hold import Beginning
from gateway.session_seams import RelayListener

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from common.otlp import Attributes, Tracing


class SessionTrace:
    """From START or RESUME to the end of the session at this gateway."""

    def __init__(self, tracing: Tracing, beginning: Beginning, dialect: str, parent: str) -> None:
        """`parent`: the `traceparent` to go on from, whatever a client has sent as such."""
        self._tracing = tracing
        attributes: Attributes = {
            "session.id": beginning.session,
            "voxshard.tenant": beginning.tenant,
            "voxshard.dialect": dialect,
            "voxshard.resumed": beginning.is_resumed,
        }
        self._session = tracing.session(parent, attributes)
        # Those without their final: few, since a worker hears no further while some wait for theirs.
        self._utterances: dict[int, Span] = {}

    @property
    def context(self) -> str:
        """What its workers, and whoever resumes it, go on from."""
        return self._tracing.traceparent(self._session)

    def listener(self, client: RelayListener) -> RelayListener:
        """Who is to hear the session: its client, or somebody on the way there if the trace is kept."""
        return TracedListener(self, client) if self._session.is_recording() else client

    def end(self, outcome: str) -> None:
        """`outcome`: the code of an error, or how else it ended. Of several calls the first counts."""
        for utterance in self._utterances.values():
            self._tracing.end(utterance, outcome)
        self._utterances.clear()
        self._tracing.end(self._session, outcome)

    def happened(self, name: str, attributes: Attributes) -> None:
        """To the session, and to whatever of it is half said."""
        for span in (self._session, *self._utterances.values()):
            span.add_event(name, attributes)

    def began(self, segment: int) -> None:
        self._utterances[segment] = self._tracing.utterance(self._session, segment)

    def locked(self, final: FinalEvent) -> None:
        utterance = self._utterances.pop(final.segment, None)
        if utterance is not None:
            utterance.set_attribute("voxshard.reason", final.reason.value)
            utterance.set_attribute("voxshard.speech_ms", samples_to_ms(final.end - final.start))
            self._tracing.end(utterance, "locked")


class TracedListener:
    """A `RelayListener` between a session and its client."""

    def __init__(self, trace: SessionTrace, client: RelayListener) -> None:
        self._trace = trace
        self._client = client

    def opened(self) -> None:
        self._trace.happened("opened", {})
        self._client.opened()

    def moves(self, why: str, worker: str, unsettled: int) -> None:
        self._trace.happened(
            "leaves worker",
            {
                "voxshard.reason": why,
                "voxshard.worker": worker,
                "voxshard.replayed_ms": samples_to_ms(unsettled),
            },
        )
        self._client.moves(why, worker, unsettled)

    def flows(self) -> None:
        self._client.flows()

    def event(self, event: Event) -> None:
        match event:
            case SpeechStarted(segment):
                self._trace.began(segment)
            case Moved(worker):
                self._trace.happened("moved", {"voxshard.worker": worker})
            case Degraded():
                self._trace.happened("no worker", {})
        self._client.event(event)
        if isinstance(event, FinalEvent):
            self._trace.locked(event)

    def given_up(self) -> None:
        self._client.given_up()

    def broken(self) -> None:
        self._client.broken()
