from __future__ import annotations

import logging
from pathlib import Path

import pytest

from common.process import BOOT_FAILED, FAULT
from common.settings import Settings
from gateway import process
from gateway.boot import BootFailed


@pytest.mark.parametrize(
    ("error", "told", "code"),
    [
        (BootFailed("no folder"), "cannot boot", BOOT_FAILED),
        (ValueError("a bug"), "gateway ended by an error", FAULT),
    ],
)
def test_whatever_ends_a_gateway_is_a_line_of_its_log_and_an_exit_code(
    error: Exception,
    told: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def serve(_: process.GatewayProcess) -> None:
        raise error

    monkeypatch.setattr(process, "configure_logs", lambda *_: None)
    monkeypatch.setattr(process.GatewayProcess, "serve", serve)
    with pytest.raises(SystemExit) as ended:
        process.run(Settings(run_dir=tmp_path), 0)
    assert ended.value.code == code
    [record] = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert (record.getMessage(), record.exc_info is not None) == (told, True)
