"""What the server was told and may have to be told again on another connection. Pure.

Audio is addressed by sample from START on. All before `ack` is settled and forgotten; from there on, a server
that takes the session up gets the same audio, and the commands at their places in it: also those that were
answered, or their sentences would come back uncut.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from common.audio import pcm16_samples, samples_to_ms, seconds_to_samples
from common.timeline import AudioTimeline

COMMIT: Final = "COMMIT"
STOP: Final = "STOP"

KEPT: Final = seconds_to_samples(120)
# Nobody gives more orders than this while he waits for answers; each has one.
_MOST_COMMANDS: Final = 1_024
# One message: 32 kB.
_PIECE: Final = seconds_to_samples(1)


class ReplayGap(Exception):
    """The server needs audio from sample `wanted` on, and what is kept begins at sample `kept`."""

    def __init__(self, wanted: int, kept: int) -> None:
        super().__init__(f"audio from sample {wanted} on is needed, and kept from sample {kept} on")
        self.wanted = wanted
        self.kept = kept


@dataclass(slots=True)
class _Command:
    text: str
    position: int
    answered: bool = False


class Replay:
    """In: what the caller says, and what the server has settled. Out: `next`, what to tell the server.

    keeps: what has been told is kept until it is settled; without it, nothing can be told again.
    """

    def __init__(self) -> None:
        self.keeps = False
        self.stop_told = False
        self._audio = AudioTimeline()
        self._commands: deque[_Command] = deque()
        # On this connection: audio up to there, so many commands, and so many of these have their answer.
        self._told = 0
        self._commands_told = 0
        self._answers = 0

    @property
    def end(self) -> int:
        """Samples from START."""
        return self._audio.end

    @property
    def kept(self) -> int:
        """Samples."""
        return self._audio.end - self._audio.start

    def has_room(self, message: bytes | str) -> bool:
        """For audio of any length if nothing else is kept."""
        if isinstance(message, str):
            return len(self._commands) < _MOST_COMMANDS
        return not self.kept or self.kept + pcm16_samples(message) <= KEPT

    def add(self, message: bytes | str) -> None:
        """Audio of an even number of bytes, COMMIT or STOP."""
        if isinstance(message, str):
            self._commands.append(_Command(message, self._audio.end))
        else:
            self._audio.append(message)

    def next(self) -> bytes | str | None:
        """What the server has to be told next, which counts as told then; None if it knows all."""
        command = self._commands[self._commands_told] if self._commands_told < len(self._commands) else None
        limit = self._audio.end if command is None else command.position
        if self._told < limit:
            return self._next_audio(limit)
        if command is None:
            return None
        self._commands_told += 1
        self.stop_told = self.stop_told or command.text == STOP
        return command.text

    def _next_audio(self, limit: int) -> bytes:
        first, self._told = self._told, min(limit, self._told + _PIECE)
        pcm = self._audio.pcm(first, self._told)
        if not self.keeps:
            self._audio.trim(self._told)
        return pcm

    def settled(self, ack: int) -> None:
        """All audio before sample `ack` is."""
        self._audio.trim(min(ack, self._told))
        self._drop_commands(ack)

    def answered(self, heard_ms: int) -> bool:
        """The next COMMIT was, unless it was given behind the audio that the answer tells about: a gateway
        that is to end locks what was said without being asked. False: it had been answered before."""
        following = self._commands[self._answers] if self._answers < self._commands_told else None
        if following is None or following.text != COMMIT or samples_to_ms(following.position) > heard_ms:
            return True
        first, following.answered = not following.answered, True
        self._answers += 1
        return first

    def forget(self) -> None:
        """Give up the older half of what may be kept, as far as it has been told."""
        self._audio.trim(min(self._told, self._audio.end - KEPT // 2))

    def begin_again(self, ack: int) -> None:
        """Another connection: it has been told all audio before sample `ack`, and nothing else.

        Raises `ReplayGap` if audio from there on is no longer kept, ValueError if there never was such audio.
        """
        if ack > self._audio.end:
            raise ValueError(f"sample {ack} is settled of {self._audio.end}")
        if ack < self._audio.start:
            raise ReplayGap(ack, self._audio.start)
        self._audio.trim(ack)
        self._told = ack
        self._commands_told = self._answers = 0
        self._drop_commands(ack)

    def _drop_commands(self, ack: int) -> None:
        """Those that have done all that they ever will."""
        while self._commands and self._commands[0].answered and not self._is_needed(self._commands[0], ack):
            self._commands.popleft()
            self._commands_told = max(0, self._commands_told - 1)
            self._answers = max(0, self._answers - 1)

    def _is_needed(self, command: _Command, ack: int) -> bool:
        return self.keeps and command.position > ack
