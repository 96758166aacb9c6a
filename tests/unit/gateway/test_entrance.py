"""Who gets a session, who is told over HTTP that there is none for them, and who over the WebSocket."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from common.errors import NoCredentials, OriginRefused, VoxshardError
from common.events import SessionOptions
from common.origins import parse_origins
from common.settings import Settings
from gateway.access.doors import Allowance, OpenDoors, TenantDoors
from gateway.boot import BootFailed
from gateway.connection import Request
from gateway.entrance import let_in, make_doors
from gateway.hold import Registry
from gateway.limits_watch import TimeLimits
from gateway.live import LiveConnection
from gateway.live_services import LiveServices
from gateway.live_sessions import LiveSessions
from gateway.metrics import GatewayMetrics
from gateway.refusal import RefusedConnection
from gateway.relay_services import RelayServices
from gateway.resume_tokens import ResumeTokens
from tests.support.clock import ManualClock
from tests.support.relay_rig import Pins, Records, Workers

PAGE = "https://app.example"


class Closed:
    """Doors that refuse everybody with one error."""

    def __init__(self, error: VoxshardError) -> None:
        self._error = error

    def admit(self, request: Request) -> Allowance:
        raise self._error

    def refresh(self) -> None:
        pass

    async def run(self) -> None:
        pass


def services() -> LiveServices:
    clock, metrics = ManualClock(), GatewayMetrics("0")
    relay = RelayServices(Workers(), Registry(Pins(), Records()), metrics, clock, 60, lambda: None)
    tokens = ResumeTokens(lambda: ["seed"], clock.now)
    sessions, limits = LiveSessions(metrics), TimeLimits(60, 600, 14_400)
    return LiveServices(relay, sessions, metrics, clock, tokens, SessionOptions(), limits, 30)


def request(**headers: str) -> Request:
    return Request("/", {}, headers, "127.0.0.1:1")


def rejections(live: LiveServices, reason: str) -> float | None:
    labels = {"gateway": "0", "reason": reason}
    return live.metrics.registry.get_sample_value("asr_admission_rejections_total", labels)


def test_who_is_admitted_gets_a_live_connection() -> None:
    assert isinstance(let_in(request(), OpenDoors(parse_origins([])), services()), LiveConnection)


def test_program_is_refused_over_http_and_counted() -> None:
    live = services()
    with pytest.raises(NoCredentials):
        let_in(request(), Closed(NoCredentials()), live)
    assert rejections(live, "no_credentials") == 1


def test_page_is_told_over_the_websocket_and_counted() -> None:
    live = services()
    assert isinstance(let_in(request(origin=PAGE), Closed(NoCredentials()), live), RefusedConnection)
    assert rejections(live, "no_credentials") == 1


def test_page_of_a_foreign_origin_gets_no_websocket() -> None:
    live = services()
    with pytest.raises(OriginRefused):
        let_in(request(origin=PAGE), Closed(OriginRefused()), live)
    assert rejections(live, "origin_refused") == 1


def test_without_a_tenants_file_the_doors_are_open_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    doors = make_doors(Settings(), ManualClock(), GatewayMetrics("0"))
    doors.admit(request())
    assert isinstance(doors, OpenDoors)
    assert [record.message for record in caplog.records] == ["no tenants file: no key is asked for"]


def test_origins_of_the_settings_count_with_and_without_a_tenants_file(tmp_path: Path) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text("")
    for tenants_file in (None, file):
        settings = Settings(tenants_file=tenants_file, allowed_origins=f"{PAGE}, http://localhost")
        doors = make_doors(settings, ManualClock(), GatewayMetrics("0"))
        assert isinstance(doors, OpenDoors if tenants_file is None else TenantDoors)
        with pytest.raises(OriginRefused):
            doors.admit(request(origin="https://evil.example"))


def test_gateway_does_not_start_with_what_it_cannot_use(tmp_path: Path) -> None:
    with pytest.raises(BootFailed, match=r"none\.toml: No such file"):
        make_doors(Settings(tenants_file=tmp_path / "none.toml"), ManualClock(), GatewayMetrics("0"))
