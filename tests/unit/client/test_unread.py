from __future__ import annotations

import asyncio

from client.unread import MAX_UNREAD, UnreadUpdates
from client.view import ErrorEvent, Notice, Result, TranscriptView, Update
from tests.unit.client.stream_rig import numbers


def result(seq: int) -> Update:
    message = Result((), "", 0, 0, False, "s1", "w0", seq)
    return Update(message, "", TranscriptView())


def taken(unread: UnreadUpdates) -> list[int]:
    return numbers([unread.take() for _ in range(len(unread))])


def test_updates_come_out_in_order() -> None:
    unread = UnreadUpdates()
    for seq in (1, 2, 3):
        unread.put(result(seq))
    assert taken(unread) == [1, 2, 3]


def test_the_oldest_result_gives_way_when_full() -> None:
    unread = UnreadUpdates()
    unread.put(Update(ErrorEvent("odd_frame", "", False, 1), "", TranscriptView()))
    for seq in range(2, MAX_UNREAD + 3):
        unread.put(result(seq))
    assert taken(unread) == [1, *range(4, MAX_UNREAD + 3)]


def test_events_alone_do_not_grow_without_bound() -> None:
    unread = UnreadUpdates()
    for seq in range(MAX_UNREAD + 2):
        unread.put(Update(Notice("committed", seq), "", TranscriptView()))
    assert taken(unread) == list(range(2, MAX_UNREAD + 2))


def test_news_wakes_all_who_wait() -> None:
    async def wait_twice() -> int:
        unread = UnreadUpdates()
        waiters = [asyncio.create_task(unread.news()) for _ in range(2)]
        await asyncio.sleep(0)
        unread.announce()
        done, _ = await asyncio.wait(waiters, timeout=1)
        return len(done)

    assert asyncio.run(wait_twice()) == 2
