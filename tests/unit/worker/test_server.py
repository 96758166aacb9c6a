"""What gateways are answered over their links, and what becomes of a session that goes wrong at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from common.checkpoint import ORIGIN
from common.events import Failed
from common.link import LINK_VERSION, Frame, FrameDecoder, FrameType, Hello, Load, Open
from common.link_transport import LinkTransport
from tests.support.aio import run
from tests.support.session_rig import OPTIONS, SessionRig
from worker.server import GatewayLinks
from worker.session_services import Services
from worker.session_table import SessionTable

HELLO = Hello(LINK_VERSION, "0", 7, "http://127.0.0.1:9501/metrics")


class Rig:
    """A gateway that is the test. Needs a running loop."""

    def __init__(self) -> None:
        session_rig = SessionRig()
        self.table = SessionTable(60.0, session_rig.metrics, session_rig.clock)
        self.links = GatewayLinks(lambda: HELLO, self.table, session_rig.services, self._load)
        self.link = LinkTransport(self.links)
        self._written: list[bytes] = []
        self.link.write = self._written.append  # type: ignore[method-assign, assignment]
        self.links.link_up(self.link)

    def _load(self) -> Load:
        return Load(True, len(self.table), 0, 0, 0, None)

    def open(self, name: str, stream: int) -> None:
        request = Open(name, OPTIONS, ORIGIN)
        self.links.frame(self.link, Frame(FrameType.OPEN, stream, 1, 0, request))

    def heard(self) -> list[Frame]:
        """Since it was asked last."""
        frames = list(FrameDecoder().feed(b"".join(self._written)))
        self._written.clear()
        return frames


def with_rig(check: Callable[[Rig], None]) -> None:
    async def scenario() -> None:
        check(Rig())
        await asyncio.sleep(0)

    run(scenario())


def test_a_link_is_greeted_and_told_the_load() -> None:
    def check(rig: Rig) -> None:
        assert [frame.payload for frame in rig.heard()] == [HELLO, Load(True, 0, 0, 0, 0, None)]

    with_rig(check)


def test_an_id_that_is_taken_is_refused_on_its_own_stream() -> None:
    def check(rig: Rig) -> None:
        rig.heard()
        rig.open("call", 1)
        rig.open("call", 2)
        answers = rig.heard()
        assert [(frame.kind, frame.stream) for frame in answers] == [
            (FrameType.OPENED, 1),
            (FrameType.FAILED, 2),
        ]
        assert rig.table.ids() == ["call"]

    with_rig(check)


def test_a_session_that_cannot_be_made_fails_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def check(rig: Rig) -> None:
        rig.open("before", 1)
        rig.heard()
        with monkeypatch.context() as broken:
            broken.setattr(Services, "pipeline", None)
            rig.open("broken", 2)
        [failed] = rig.heard()
        assert (failed.stream, failed.payload.code) == (2, "internal")
        assert isinstance(failed.payload, Failed)
        rig.open("after", 3)
        assert rig.table.ids() == ["before", "after"]

    with_rig(check)
    assert caplog.messages == ["session failed"]


def test_all_gateways_hear_of_sessions_that_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.load_news.TELL_WITHIN_S", 0.0)

    async def scenario() -> None:
        rig = Rig()
        rig.heard()
        for stream in (1, 2):
            rig.open(f"call-{stream}", stream)
        await asyncio.sleep(0.01)
        rig.links.frame(rig.link, Frame(FrameType.CLOSE, 1, 1, 0, None))
        await asyncio.sleep(0.01)
        told = [frame.payload.sessions for frame in rig.heard() if frame.kind is FrameType.LOAD]
        assert told == [2, 1]

    run(scenario())


def test_a_worker_that_is_not_ready_tells_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.load_news.TELL_WITHIN_S", 0.0)
    monkeypatch.setattr(Rig, "_load", lambda rig: Load(False, len(rig.table), 0, 0, 0, None))

    async def scenario() -> None:
        rig = Rig()
        rig.heard()
        rig.open("call", 1)
        await asyncio.sleep(0.01)
        assert [frame.kind for frame in rig.heard()] == [FrameType.OPENED]
        rig.links.announce_load()
        assert [frame.kind for frame in rig.heard()] == [FrameType.LOAD]

    run(scenario())
