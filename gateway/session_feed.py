"""A session's log on its way to whichever worker has it, as far as that has room."""

from __future__ import annotations

from common.audio import pcm16_samples
from common.events import SessionOptions
from gateway.session_log import Order, Piece, SessionLog
from gateway.session_seams import Stream


class SessionFeed:
    def __init__(self, log: SessionLog) -> None:
        self.log = log
        self.stream: Stream | None = None
        # Samples that the worker has room for; None before it has taken the session.
        self._credit: int | None = None

    @property
    def worker(self) -> str:
        return self.stream.worker if self.stream is not None else "?"

    @property
    def has_room(self) -> bool:
        return self._credit is not None and self._credit > 0

    def begin(self, stream: Stream) -> None:
        """A worker has been asked; once it gives credit it is told all from the checkpoint on."""
        self.log.begin_again()
        self.stream = stream
        self._credit = None

    def end(self) -> Stream | None:
        """The worker is told nothing more; what it was told over, to be closed unless it is lost."""
        stream, self.stream = self.stream, None
        return stream

    def audio(self, pcm: bytes) -> None:
        self.log.append(pcm)
        self._tell()

    def order(self, order: Order) -> None:
        self.log.order(order)
        self._tell()

    def credit(self, samples: int) -> None:
        self._credit = (self._credit or 0) + samples
        self._tell()

    def configure(self, options: SessionOptions) -> None:
        if self.stream is not None:
            self.stream.configure(options)

    def suspect(self, segments: tuple[int, ...]) -> None:
        if self.stream is not None:
            self.stream.suspect(segments)

    def _tell(self) -> None:
        stream = self.stream
        if stream is None or self._credit is None:
            return
        while (told := self.log.next(room=self._credit > 0)) is not None:
            if isinstance(told, Piece):
                stream.audio(told.first, told.pcm)
                self._credit -= pcm16_samples(told.pcm)
            else:
                stream.order(told)
