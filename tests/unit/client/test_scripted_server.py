from __future__ import annotations

import json
import threading
import time
from contextlib import suppress

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.aio import run
from tests.support.wire import Message
from tests.unit.client.scripted_server import Peer, serving_in_thread


def test_what_was_said_before_a_loss_is_read_by_a_client_that_was_busy_writing() -> None:
    said = threading.Event()

    async def breaks(peer: Peer) -> None:
        await peer.start()
        await peer.until("heard")
        await peer.result("one")
        said.set()
        await peer.lose()

    async def next_message(url: str) -> Message:
        async with connect(url) as connection:
            await connection.send("START")
            await connection.recv()
            await connection.send("heard")
            assert said.wait(10)
            # As if it did not get its processor: enough for whoever would not wait for it.
            time.sleep(0.05)  # noqa: ASYNC251
            with suppress(ConnectionClosed):
                # The first one is answered with a reset, which the second one finds.
                for _ in range(2):
                    await connection.send("not heard")
            message = json.loads(await connection.recv())
            assert isinstance(message, dict)
            return message

    with serving_in_thread(breaks) as url:
        assert [sentence["text"] for sentence in run(next_message(url))["sentences"]] == ["one"]
