"""What a connection or a session had is free when it ends. What waits for the collector instead makes all of
them wait, for as long as that goes through everything that a thousand of them have."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.websocket import listen, serve
from tests.support.relay_rig import RelayRig
from tests.support.websocket_rig import Recorder, let_loop_turn, on_each_loop, raw_client, text_frame

PACKAGES = ("gateway.", "websockets.")


@contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def parts() -> Counter[str]:
    """How many there are of whatever a connection is made of."""
    kinds = [type(found) for found in gc.get_objects()]
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith(PACKAGES))


@on_each_loop
async def test_nothing_is_left_of_a_connection() -> None:
    handler = Recorder()
    server = await serve(listen("127.0.0.1", 0), lambda _: handler)
    with without_collector():
        before = parts()
        async with raw_client(server.sockets[0].getsockname()[1]) as client:
            await client.upgrade()
            await client.send(text_frame("one"), text_frame("two"))
            await handler.until("text", 2)
            assert parts() - before
        await handler.until("closed")
        del handler.connection, handler.request
        await let_loop_turn()
        assert parts() - before == Counter()
    server.close()


def test_nothing_is_left_of_a_session() -> None:
    rig = RelayRig()
    rig.opens()
    rig.speak(16_000)
    with without_collector():
        relay = weakref.ref(rig.relay)
        rig.relay.close()
        rig.workers.waiting.clear()
        del rig.relay
        assert relay() is None
