"""The task that saves records, from its beginning to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.registry import heartbeat
from gateway.registry.records import Save, Saved
from tests.support.aio import run, until
from tests.support.records_rig import RecordsRig


@pytest.mark.parametrize("seconds", [0.01, 60.0])
def test_running_saves_what_comes_and_what_is_left_at_the_end(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", seconds)

    async def play() -> None:
        rig = RecordsRig()
        running = asyncio.create_task(rig.records.run())
        await until(lambda: rig.table.calls == ["touch"] or seconds < 1)
        rig.records.keep(rig.kept)
        await until(lambda: rig.records.is_saved(rig.kept) and bool(rig.notes.told))
        rig.kept.stopped(900)
        rig.records.leave(rig.kept)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (rig.table.records["call"], rig.table.closed) == ((1, rig.kept.record), True)

    run(play())


def test_what_was_being_saved_at_the_end_is_saved_all_the_same() -> None:
    async def play() -> None:
        rig = RecordsRig()
        answering = rig.table.save

        async def slow(saves: Sequence[Save]) -> list[Saved]:
            rig.table.save = answering  # type: ignore[method-assign]
            await asyncio.Event().wait()
            raise AssertionError("nobody answers")

        running = asyncio.create_task(rig.records.run())
        await until(lambda: rig.seen[-1])
        rig.table.save = slow  # type: ignore[method-assign]
        rig.records.keep(rig.kept)
        rig.records.leave(rig.kept)
        await until(lambda: rig.table.save == answering)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert rig.table.records["call"] == (1, rig.kept.record)

    run(play())
