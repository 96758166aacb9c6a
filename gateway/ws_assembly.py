"""Whole messages out of WebSocket frames. Pure; ping, pong and close are the library's."""

from __future__ import annotations

from websockets.frames import Frame, Opcode

from common.errors import BadText, FrameTooLarge


class Assembly:
    """The message that is being received on one connection; a message has at most `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._opcode = Opcode.BINARY
        self._parts = bytearray()

    def push(self, frame: Frame) -> str | bytes | None:
        """The message that `frame` completes: str for text, bytes for binary; None if it completes none.

        Raises `FrameTooLarge` as soon as the message is, and `BadText` at the end of one that is not UTF-8.
        """
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return None
        if len(self._parts) + len(frame.data) > self._max_bytes:
            raise FrameTooLarge()
        if frame.opcode is not Opcode.CONT:
            self._opcode = frame.opcode
            if frame.fin:
                return self._message(bytes(frame.data))
        self._parts += frame.data
        return self._message(self._taken()) if frame.fin else None

    def _taken(self) -> bytes:
        data = bytes(self._parts)
        self._parts.clear()
        return data

    def _message(self, data: bytes) -> str | bytes:
        if self._opcode is Opcode.BINARY:
            return data
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise BadText() from error
