"""An engine whose answers the test gives one by one, for tests of what drives it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from worker.engines.base import EngineCapabilities, Gather, Hypothesis, TranscribeRequest


@dataclass(slots=True)
class _Held:
    request: TranscribeRequest
    answer: asyncio.Future[Hypothesis]


class HeldEngine:
    def __init__(
        self,
        max_in_flight: int = 1,
        *,
        can_abort: bool = False,
        max_segment_ms: int = 20_000,
        gather: Gather | None = None,
    ) -> None:
        self.capabilities = EngineCapabilities(
            max_segment_ms=max_segment_ms,
            max_in_flight=max_in_flight,
            can_abort=can_abort,
            gather=gather,
        )
        self.room_left = max_in_flight
        self.taken: list[TranscribeRequest] = []
        """All requests so far, in the order in which they came."""
        self.given_up = 0
        self._held: deque[_Held] = deque()

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to give back."""

    def fresh_memory(self) -> list[str]:
        return []

    async def room(self) -> int:
        return self.room_left

    def check(self) -> None:
        """Never dies unasked."""

    async def transcribe(self, request: TranscribeRequest) -> Hypothesis:
        held = _Held(request, asyncio.get_running_loop().create_future())
        self.taken.append(request)
        self._held.append(held)
        try:
            return await held.answer
        except asyncio.CancelledError:
            self.given_up += 1
            raise

    @property
    def in_flight(self) -> int:
        return len(self._held)

    def answer(self, text: str, busy_s: float = 0.0) -> TranscribeRequest:
        """Answer the oldest request."""
        held = self._held.popleft()
        held.answer.set_result(Hypothesis(text, busy_s))
        return held.request

    def fail(self, error: Exception) -> None:
        """The oldest request ends with this error."""
        self._held.popleft().answer.set_exception(error)
