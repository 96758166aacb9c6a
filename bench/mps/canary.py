"""A small program on the card: does it compute, and is it right?

Its process, `python -m bench.mps.canary PROGRAM`, imports torch, waits for a line on its standard input which
says in which environment to compute, answers, and lives on until its input ends. So the next one can be made
ready while one sings.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Final

import msgspec

# Of bf16 operands; a card that computes nonsense is far above it.
MOST_WRONG: Final = 0.01
Program = str
"""`module:attribute` of what it does: takes how many GiB it asks for, gives a `Song`."""
OURS: Final[Program] = "bench.mps.canary:on_card"
_ROOT: Final = Path(__file__).parent.parent.parent
_LIMIT_S: Final = 60.0
_END_LIMIT_S: Final = 10.0
_SIZE: Final = 512
_GIB: Final = 1 << 30


class CanaryDead(Exception):
    """It did not answer; the message says what is known."""


class Order(msgspec.Struct, frozen=True):
    environ: dict[str, str]
    claim_gib: float = 0.0


class Song(msgspec.Struct, frozen=True):
    """error: of a product of matrices, relative. multiprocessors: that it may use. refused: memory above its
    share; None if it did not ask for that."""

    pid: int
    error: float
    multiprocessors: int
    refused: bool | None = None


class Canary:
    """Its process runs from the beginning, and has not touched the card yet; to be ended in any case."""

    def __init__(self, program: Program) -> None:
        command = (sys.executable, "-m", "bench.mps.canary", program)
        self._process = subprocess.Popen(
            command, cwd=_ROOT, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Canary:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def sing(self, environ: Mapping[str, str], claim_gib: float = 0.0) -> Song:
        """Raises `CanaryDead`; it lives on otherwise."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        with suppress(BrokenPipeError):
            stdin.write(msgspec.json.encode(Order(dict(environ), claim_gib)) + b"\n")
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(_LIMIT_S):
                raise CanaryDead(f"no answer within {_LIMIT_S:g} s")
        line = stdout.readline()
        if not line:
            raise CanaryDead("its process ended; stderr says why")
        return msgspec.json.decode(line, type=Song)

    def end(self) -> None:
        """Its own way, as far as it goes."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def main() -> None:
    with suppress(ImportError):
        import_module("torch")
    line = sys.stdin.buffer.readline()
    if not line:
        return
    order = msgspec.json.decode(line, type=Order)
    os.environ.update(order.environ)
    module, _, attribute = sys.argv[1].partition(":")
    song = getattr(import_module(module), attribute)(order.claim_gib)
    sys.stdout.buffer.write(msgspec.json.encode(song) + b"\n")
    sys.stdout.buffer.flush()
    sys.stdin.buffer.read()


def on_card(claim_gib: float) -> Song:
    import torch  # noqa: PLC0415

    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(_SIZE, _SIZE, generator=generator, dtype=torch.float64) for _ in range(2))
    product = (left.to("cuda", torch.bfloat16) @ right.to("cuda", torch.bfloat16)).to("cpu", torch.float64)
    wanted = left @ right
    return Song(
        os.getpid(),
        float((product - wanted).norm() / wanted.norm()),
        torch.cuda.get_device_properties(0).multi_processor_count,
        _is_refused(claim_gib) if claim_gib else None,
    )


def _is_refused(claim_gib: float) -> bool:
    import torch  # noqa: PLC0415

    try:
        torch.empty(int(claim_gib * _GIB), dtype=torch.uint8, device="cuda")
    except torch.OutOfMemoryError:
        return True
    return False


if __name__ == "__main__":
    main()
