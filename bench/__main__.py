"""`python -m bench wer|endpoints|partials|streams|live|capacity|pair|engine|mps|continuing`: measure."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Final

from rich.console import Console

from bench.report import make_header, show, write_json

STANDALONE: Final = {
    "live": "bench.live",
    "capacity": "bench.capacity",
    "pair": "bench.pair",
    "engine": "bench.engine",
    "mps": "bench.mps.main",
    "continuing": "bench.continuing",
}
"""Programs for machines without the synthesiser that the others need; `main` takes their arguments."""


def main() -> None:
    program = STANDALONE.get(next(iter(sys.argv[1:]), ""))
    if program is None:
        _measure_with_made_speech()
    else:
        import_module(program).main(sys.argv[2:])


def _measure_with_made_speech() -> None:
    """Exit status 1 when a session failed: figures over the others would flatter the server."""
    # Only here: these need what standalone programs do without.
    from bench.flags import parse_flags  # noqa: PLC0415
    from client.stream import StreamError  # noqa: PLC0415

    invocation = parse_flags(sys.argv[1:])
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    header = make_header(command, datetime.now(UTC).isoformat(timespec="seconds"), invocation.server.url)
    try:
        result = asyncio.run(invocation.measurement.measure(invocation.server))
    except* StreamError as failures:
        causes = dict.fromkeys(f"failed: {failure}" for failure in _leaves(failures))
        sys.exit("\n".join(causes))
    show(header, result, Console())
    if invocation.output is not None:
        write_json(invocation.output, header, result)


def _leaves(failures: BaseExceptionGroup[Exception]) -> Iterator[BaseException]:
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _leaves(failure)
        else:
            yield failure


if __name__ == "__main__":
    # An ordinary end, so that servers and clients that were started end, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    main()
