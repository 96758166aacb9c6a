"""NVIDIA's management library, which comes with the driver; it is asked by the package nvidia-ml-py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class NoDriver(Exception):
    """There is none that can be asked; the message says why."""


@contextmanager
def driver() -> Iterator[Any]:
    """The library inside the block. Raises `NoDriver`."""
    try:
        import pynvml  # noqa: PLC0415
    except ImportError:
        raise NoDriver("the package nvidia-ml-py is not installed") from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise NoDriver(str(error)) from error
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def newest_cuda(pynvml: Any) -> tuple[int, int]:
    """That the driver knows."""
    version = int(pynvml.nvmlSystemGetCudaDriverVersion())
    return version // 1000, version % 1000 // 10
