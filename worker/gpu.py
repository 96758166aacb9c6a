"""Which card a device name means, by NVIDIA's management library."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeVar

from common.settings import Settings

_Answer = TypeVar("_Answer")
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_MAKER = "NVIDIA "


@dataclass(frozen=True, slots=True)
class Card:
    """`index` counts all cards of the host, whichever of them are visible here."""

    index: int
    name: str
    uuid: str


def card_of(device: str, environ: Mapping[str, str] = os.environ) -> Card | None:
    """`device`: cpu, cuda or cuda:N. None for the CPU, and where the library or its driver is missing."""
    which = visible_card(device, environ) if is_cuda(device) else None
    return None if which is None else _asked(lambda pynvml: _card(pynvml, which))


def lacks_card(device: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether CUDA certainly has no card of this name here; false where the library is missing by which to
    know."""
    cards = _cards() if is_cuda(device) else None
    if cards is None:
        return False
    which = visible_card(device, environ)
    # Of names that are no numbers CUDA knows more forms than the library does.
    return which is None or (which.isdecimal() and int(which) >= cards)


def cuda_driver() -> tuple[int, int] | None:
    """The newest version of CUDA that the driver knows; None where the library or the driver is missing."""
    version = _asked(lambda pynvml: int(pynvml.nvmlSystemGetCudaDriverVersion()))
    return None if version is None else (version // 1000, version % 1000 // 10)


def gpu_name(device: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Such as `0:H200`, for people; None where `card_of` is."""
    card = card_of(device, environ)
    return None if card is None else f"{card.index}:{card.name.removeprefix(_MAKER)}"


def is_cuda(device: str) -> bool:
    return device.partition(":")[0] == "cuda"


def only_own_card(settings: Settings, environ: MutableMapping[str, str]) -> Settings:
    """On a host with several cards this process and its children are to see their own one only, which is then
    cuda:0: there are libraries that always take the first they see."""
    if not is_cuda(settings.device) or settings.device.partition(":")[2] in ("", "0"):
        return settings
    own = visible_card(settings.device, environ)
    if own is None:
        # Whoever wants to use it says that it is not there.
        return settings
    environ[_VISIBLE] = own
    return settings.model_copy(update={"device": "cuda:0"})


def visible_card(device: str, environ: Mapping[str, str]) -> str | None:
    """The host's name for the card that this process calls `device`: its number or its UUID. None if CUDA
    sees none there: a variable that is set but empty hides all of them."""
    number, named = device.partition(":")[2] or "0", environ.get(_VISIBLE)
    if not number.isdecimal():
        return None
    if named is None:
        return number
    visible = [entry.strip() for entry in named.split(",") if entry.strip()]
    return visible[int(number)] if int(number) < len(visible) else None


def _cards() -> int | None:
    """How many the driver has: none where it is missing. None where the library is."""
    try:
        import pynvml  # noqa: F401, PLC0415
    except ImportError:
        return None
    return _asked(lambda pynvml: int(pynvml.nvmlDeviceGetCount())) or 0


def _asked(question: Callable[[Any], _Answer]) -> _Answer | None:
    """What the library says; None if it does not."""
    try:
        import pynvml  # noqa: PLC0415
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        return question(pynvml)
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def _card(pynvml: Any, which: str) -> Card:
    handle = (
        pynvml.nvmlDeviceGetHandleByIndex(int(which))
        if which.isdecimal()
        else pynvml.nvmlDeviceGetHandleByUUID(which)
    )
    return Card(
        index=pynvml.nvmlDeviceGetIndex(handle),
        name=pynvml.nvmlDeviceGetName(handle),
        uuid=pynvml.nvmlDeviceGetUUID(handle),
    )
