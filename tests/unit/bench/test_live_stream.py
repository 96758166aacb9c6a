from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bench.live_lines import OpenLine, Said, SaidSentence, one_connection, resuming
from bench.live_stream import ClientTimes, Heard, LiveStream
from bench.live_trace import Partial, StreamPlan, StreamTrace
from tests.support.aio import run
from tests.support.counting_server import counting_server

FRAMES = 5
FRAME = bytes(3_200)
SENTENCE = {"text": "one", "start": 0, "end": 300, "endpoint": 400, "reason": "silence"}

Script = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def scripted_server(script: Script) -> AsyncIterator[str]:
    async with serve(script, "127.0.0.1", 0) as listening:
        [socket] = listening.sockets
        yield f"ws://127.0.0.1:{socket.getsockname()[1]}"


async def played(
    url: str,
    times: ClientTimes | None = None,
    deadline_s: float = 5.0,
    open_line: OpenLine = one_connection,
) -> StreamTrace:
    plan = StreamPlan(number=3, url=url, delay_s=0.0, offset=0)
    stream = LiveStream(plan, FRAMES, lambda number: FRAME, times or ClientTimes(), open_line)
    now = time.monotonic()
    return await stream.run(now, now + deadline_s)


async def say(connection: ServerConnection, **message: Any) -> None:
    await connection.send(json.dumps(message))


async def started(connection: ServerConnection) -> None:
    assert await connection.recv() == "START"
    await say(connection, event="started")


def against(script: Script, deadline_s: float = 5.0) -> StreamTrace:
    async def session() -> StreamTrace:
        async with scripted_server(script) as url:
            return await played(url, deadline_s=deadline_s)

    return run(session())


async def until_stop(connection: ServerConnection) -> int:
    frames = 0
    while await connection.recv() != "STOP":
        frames += 1
    return frames


def test_frames_go_out_when_a_microphone_would_have_them() -> None:
    times = ClientTimes()

    async def session() -> tuple[StreamTrace, list[bytes]]:
        async with counting_server() as server:
            return await played(server.url, times), server.received

    trace, received = run(session())
    assert [len(audio) for audio in received] == [FRAMES * len(FRAME)]
    assert len(times.late_s) == FRAMES
    assert trace.worker == "worker-0"
    # The server answers each frame at once.
    for number, partial in enumerate(trace.partials, start=1):
        assert partial.covers_s == pytest.approx(number / 10)
        assert partial.at_s >= number / 10
    [sentence] = trace.locked
    assert sentence.end_s == pytest.approx(0.5)
    ending = trace.ending
    assert ending.error is None
    assert ending.stop_s == pytest.approx(0.5)
    assert ending.final_s is not None
    assert 0.5 <= ending.final_s <= ending.ended_s


def test_server_like_funasr_needs_no_numbers_and_no_endpoints() -> None:
    async def script(connection: ServerConnection) -> None:
        await started(connection)
        await until_stop(connection)
        sentences = [{"text": "one", "start": 0, "end": 480}]
        await say(connection, sentences=sentences, partial="", duration_ms=500, is_final=True)
        await say(connection, event="stopped")

    trace = against(script)
    assert trace.ending.error is None
    assert [(one.end_s, one.endpoint_s, one.reason) for one in trace.locked] == [(0.48, None, None)]


def test_server_with_nothing_to_say_has_said_so_with_stopped() -> None:
    async def script(connection: ServerConnection) -> None:
        await started(connection)
        await until_stop(connection)
        await say(connection, event="stopped")

    trace = against(script)
    assert trace.ending.error is None
    assert trace.ending.final_s == trace.ending.ended_s


def test_final_that_never_comes_is_waited_for_until_the_deadline() -> None:
    async def script(connection: ServerConnection) -> None:
        await started(connection)
        await until_stop(connection)
        await connection.wait_closed()

    began = time.monotonic()
    ending = against(script, deadline_s=2.0).ending
    took_s = time.monotonic() - began
    assert took_s >= 2.0
    assert ending.stop_s is not None
    assert ending.stop_s < ending.ended_s < took_s, "it has ended by then, not when the audio did"
    assert (ending.error, ending.waiting, ending.final_s) == ("no_final", True, None)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"event": "error", "code": "worker_lost", "message": "", "retryable": True}, "worker_lost"),
        ({"event": "error", "error": "as FunASR says it"}, "error"),
        ({"event": "stopped"}, "stopped_early"),
        ("no object", "unreadable_message"),
    ],
)
def test_what_ends_a_stream_early_is_named(message: Any, error: str) -> None:
    async def script(connection: ServerConnection) -> None:
        await started(connection)
        await connection.send(json.dumps(message))
        await connection.wait_closed()

    trace = against(script)
    assert trace.ending.error == error
    assert trace.ending.stop_s is None
    assert not trace.ending.waiting


def test_connection_that_the_server_closes_is_lost_with_its_code() -> None:
    async def script(connection: ServerConnection) -> None:
        await started(connection)
        await connection.close(1012)

    assert against(script).ending.error == "closed_1012"


def test_server_that_is_not_there_is_no_connection() -> None:
    trace = run(played("ws://127.0.0.1:1"))
    assert (trace.ending.error, trace.partials, trace.ending.waiting) == ("no_connection", (), False)


def folded(*messages: Said) -> Heard:
    heard = Heard()
    for number, message in enumerate(messages):
        heard.fold(message, number / 10)
    return heard


def sentence(text: str) -> SaidSentence:
    return SaidSentence(text, 0, 300)


def test_only_results_with_news_are_kept() -> None:
    heard = folded(
        Said(duration_ms=100),
        Said(partial="so", duration_ms=200),
        Said(sentences=(sentence("so"),), duration_ms=300),
        Said(sentences=(sentence("so"),), duration_ms=400),
    )
    assert heard.partials == [Partial(0.1, 0.2, True), Partial(0.2, 0.3, False)]
    assert [one.at_s for one in heard.locked] == [0.2]


def test_locked_text_that_changes_or_goes_is_counted() -> None:
    one, other = (sentence("one"),), (sentence("other"),)
    assert folded(Said(sentences=one), Said(sentences=(*one, *other))).changed == 0
    assert folded(Said(sentences=one), Said(sentences=other), Said()).changed == 2


def test_gap_in_the_numbers_is_counted() -> None:
    assert folded(Said(seq=1), Said(seq=2), Said(seq=5)).skipped == 2
    assert folded(Said(), Said()).skipped == 0


def test_after_a_loss_numbers_begin_anew_and_the_newest_sentences_may_come_again() -> None:
    one, other = sentence("one"), sentence("other")
    heard = folded(
        Said(seq=1, event="started"),
        Said(seq=2, sentences=(one, other)),
        Said(event="lost"),
        Said(seq=1, event="resumed"),
        Said(seq=2, sentences=(one,)),
        Said(seq=3, sentences=(one, other)),
    )
    assert (heard.changed, heard.skipped) == (0, 0)
    assert heard.resumed_s == [pytest.approx(0.1)]
    assert heard.sentences == (one, other)
    assert [locked.at_s for locked in heard.locked] == [0.1, 0.1]


def test_after_a_loss_other_sentences_are_a_change() -> None:
    heard = folded(Said(sentences=(sentence("one"),)), Said(event="lost"), Said(sentences=(sentence("two"),)))
    assert heard.changed == 1


def test_stream_that_resumes_is_played_like_any_other() -> None:
    async def session() -> tuple[StreamTrace, list[bytes]]:
        async with counting_server() as server:
            return await played(server.url, open_line=resuming), server.received

    trace, received = run(session())
    assert [len(audio) for audio in received] == [FRAMES * len(FRAME)]
    assert (trace.ending.error, trace.worker, trace.resumed_s) == (None, "worker-0", ())
    assert trace.ending.final_s is not None
    assert len(trace.locked) == 1


def test_what_no_client_resumes_after_ends_the_stream() -> None:
    async def session() -> StreamTrace:
        async with counting_server(error="engine_failed") as server:
            return await played(server.url, open_line=resuming)

    assert run(session()).ending.error == "engine_failed"
    assert run(played("ws://127.0.0.1:1", open_line=resuming)).ending.error == "no_server"
