"""Locked sentences as JSON: each is encoded once, however many results repeat it. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder()


class LockedSentences:
    """Grows at its end only."""

    def __init__(self) -> None:
        self._count = 0
        self._json = bytearray(b"[]")
        # What `json` gave last; None once there is more.
        self._whole: msgspec.Raw | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def json(self) -> msgspec.Raw:
        """The list of all, to be put into a message as it is."""
        if self._whole is None:
            self._whole = msgspec.Raw(bytes(self._json))
        return self._whole

    def append(self, sentence: msgspec.Struct) -> None:
        self._json[-1:] = b"," if self._count else b""
        self._json += _ENCODER.encode(sentence) + b"]"
        self._count += 1
        self._whole = None
