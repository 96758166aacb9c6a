from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.supervisor.usable import SettingUnusable, check_usable
from common.settings import Settings, load_settings

REDIS = "redis://127.0.0.1:1"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"engine": "fun-asr-nano"},
        {"engine": "not.here:create"},
        {"language": " English ", "redis_url": REDIS},
        # Nobody who runs there asks for them.
        {"gateways": 0, "redis_url": REDIS, "tenants_file": Path("/none"), "hotword_file": Path("/none")},
        {"workers": 0, "redis_url": REDIS, "engine": "whisper"},
    ],
)
def test_what_can_be_used_passes_and_nothing_is_connected_to(settings: dict[str, Any]) -> None:
    check_usable(Settings(**settings))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"engine": "whisper"}, "engine: no engine is called 'whisper'"),
        ({"redis_url": f"{REDIS}?db=x"}, "redis_url: the options of this address"),
        (
            {"redis_url": "rediss://h?ssl_cert_reqs=x"},
            "redis_url: the options of this address",
        ),
    ],
)
def test_what_cannot_is_told_by_its_name(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingUnusable, match=f"^{told}"):
        check_usable(Settings(**settings))


@pytest.mark.parametrize("name", ["hotword_file", "tenants_file"])
@pytest.mark.parametrize(("content", "why"), [(None, "No such file or directory"), (b"\xff", "not UTF-8")])
def test_a_file_that_gateways_would_not_start_with_is_named(
    name: str, content: bytes | None, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingUnusable, match=f"^{name}: {file}: {why}$"):
        check_usable(load_settings({name: file}, {}))
