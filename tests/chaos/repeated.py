"""Messages out of their JSON. Every result repeats all sentences: what it begins with as the one before did,
byte for byte, is neither decoded nor kept again, or hundreds of clients would do little else. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from tests.chaos.history import Message, Sentence

_BEGIN: Final = b'{"sentences":['
# In no text: the quotation marks would not stand alone there.
_END: Final = b'],"partial":'
_DECODER: Final = msgspec.json.Decoder(Message)


class Repeated:
    """The messages of one session, in order."""

    def __init__(self) -> None:
        self._known = _BEGIN
        self._sentences: tuple[Sentence, ...] = ()

    def decode(self, text: bytes) -> Message:
        """Raises `msgspec.MsgspecError`."""
        if not text.startswith(_BEGIN):
            return _DECODER.decode(text)
        if not text.startswith(self._known):
            self._known, self._sentences = _BEGIN, ()
        message = _DECODER.decode(_BEGIN + text[len(self._known) :].removeprefix(b","))
        if message.sentences:
            self._sentences += message.sentences
            self._known = text[: text.index(_END, len(self._known))]
        return msgspec.structs.replace(message, sentences=self._sentences)
