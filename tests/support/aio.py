"""Asynchronous code in plain tests: no plug-in, no waiting by the clock on the wall."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

# A bound for what never comes true, so that a broken test ends; nothing waits this long when all is well.
_PATIENCE_S: Final = 10.0


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Its result, after at most ten seconds. Raises `TimeoutError`."""

    async def bounded() -> Result:
        async with asyncio.timeout(_PATIENCE_S):
            return await coroutine

    return asyncio.run(bounded())


def finish(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of one that never waits, without a loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    raise AssertionError("it waits")


async def turns(count: int = 10) -> None:
    """Let everything that is ready run for so many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as `condition` holds; `run` bounds the wait. For threads and sockets."""
    # Polled: a condition over somebody else's state has nobody who would set an event.
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def beside(service: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """`service` runs until the block is left, and has ended then; what it raises is raised there."""
    task = asyncio.create_task(service)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
