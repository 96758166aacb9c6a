"""`python -m bench wer|endpoints|partials|streams`: measure a running server, print, write JSON."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console

from bench.flags import parse_flags
from bench.report import make_header, show, write_json
from client.stream import StreamError


def main() -> None:
    """Exit status 1 when a session failed: figures over the others would flatter the server."""
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


def _leaves(failures: BaseExceptionGroup[StreamError]) -> Iterator[BaseException]:
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _leaves(failure)
        else:
            yield failure


if __name__ == "__main__":
    main()
