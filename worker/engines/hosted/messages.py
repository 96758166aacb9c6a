"""What a worker and the process of its engine say to each other. Audio is not in it; see `audio_slots`."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from worker.engines.base import EngineCapabilities, Hypothesis
from worker.pipeline.effects import DecodeKind

# --- worker -> engine ------------------------------------------------------------------------


class Start(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The first message: load and warm up. `settings` is JSON, `name` what the process is called in logs."""

    name: str
    settings: str


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A request; `samples` of its audio lie in `slot`, which is the engine's until it replies to `number`.

    `asked_at` is on the clock that all processes of a host share.
    """

    number: int
    slot: int
    samples: int
    kind: DecodeKind
    language: str | None
    hotwords: tuple[str, ...]
    timestamps: bool
    start: int
    memory: int | None
    afresh: bool
    asked_at: float


class GiveUp(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Nobody waits for this request any more. It is replied to all the same."""

    number: int


class Forget(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A memory that no request will name again."""

    memory: int


# --- engine -> worker ------------------------------------------------------------------------


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=True):
    capabilities: EngineCapabilities


class CannotStart(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Instead of `Ready`, and the last message. `of_card`: the card is the reason."""

    reason: str
    of_card: bool = False


class Room(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """So many requests would be begun at once; holds until the next request is sent."""

    count: int


class Alive(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Twice a second: the engine's event loop turns."""


class Answer(msgspec.Struct, frozen=True, array_like=True, tag=True):
    number: int
    hypothesis: Hypothesis


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """This request failed, or was given up."""

    number: int
    reason: str


class Dead(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The engine will never answer again: the last message. `of_card`: the card is the reason."""

    reason: str
    of_card: bool = False


ToEngine: TypeAlias = Start | Ask | GiveUp | Forget
ToWorker: TypeAlias = Ready | CannotStart | Alive | Room | Answer | Refused | Dead

# Several messages at a time, see `pipe`.
to_engine: msgspec.msgpack.Decoder[list[ToEngine]] = msgspec.msgpack.Decoder(list[ToEngine])
to_worker: msgspec.msgpack.Decoder[list[ToWorker]] = msgspec.msgpack.Decoder(list[ToWorker])
Decoder: TypeAlias = msgspec.msgpack.Decoder[Any]
