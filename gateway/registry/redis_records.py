"""Records in Redis."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from common.events import Final as FinalEvent
from common.registry.redis_call import Argument, RedisScripts
from gateway.registry.record_scripts import LOAD, SAVE, TOUCH
from gateway.registry.records import RESUME_WITHIN_S, Record, RecordHead, Save, Saved

log = logging.getLogger(__name__)

KEY_PREFIX: Final = "voxshard:record:"

_encode: Final = msgspec.msgpack.Encoder().encode
_decode_head: Final = msgspec.msgpack.Decoder(RecordHead).decode
_decode_finals: Final = msgspec.msgpack.Decoder(tuple[FinalEvent, ...]).decode
# An array whose length is in the four bytes that follow; its elements are what was saved one by one.
_ARRAY: Final = b"\xdd"


class RedisRecords:
    """A `RecordTable`."""

    def __init__(self, scripts: RedisScripts, within_s: float = RESUME_WITHIN_S) -> None:
        self._scripts = scripts
        self._kept_ms = round(within_s * 1_000)

    async def save(self, saves: Sequence[Save]) -> list[Saved]:
        keys = [KEY_PREFIX + save.session for save in saves]
        args = [argument for save in saves for argument in _arguments(save)]
        answers = await self._scripts.call(SAVE, keys, [self._kept_ms, *args])
        return [Saved(answer) for answer in answers]

    async def load(self, session: str, epoch: int) -> Record | None:
        answer = await self._scripts.call(LOAD, [KEY_PREFIX + session], [self._kept_ms, epoch])
        return _record(*answer) if answer else None

    async def touch(self, sessions: Sequence[str]) -> list[bool]:
        keys = [KEY_PREFIX + session for session in sessions]
        return [bool(there) for there in await self._scripts.call(TOUCH, keys, [self._kept_ms])]

    async def close(self) -> None:
        await self._scripts.close()


def _record(head: bytes, count: int, finals: bytes) -> Record | None:
    try:
        return Record(_decode_head(head), _decode_finals(_ARRAY + count.to_bytes(4) + finals))
    except msgspec.DecodeError:
        # Written by another version: as good as none.
        log.warning("record cannot be read")
        return None


def _arguments(save: Save) -> list[Argument]:
    finals = [_encode(final) for final in save.finals]
    return [save.epoch, _encode(save.head), save.first, len(finals), *finals]
