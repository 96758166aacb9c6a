from __future__ import annotations

from pathlib import Path

import pytest

from common.events import SessionOptions
from common.settings import Settings
from common.silence import OFFLINE_STEPS, STREAMING_STEPS
from gateway.boot import BootFailed
from gateway.defaults import default_options


def test_nothing_set_means_no_language_and_no_hotwords() -> None:
    assert default_options(Settings()) == SessionOptions(silence_schedule=STREAMING_STEPS)
    assert default_options(Settings(language="")).language is None


def test_what_is_set_is_in_force(tmp_path: Path) -> None:
    file = tmp_path / "hotwords"
    file.write_text("Voxshard\n\n 张三 \n", encoding="utf-8")
    settings = Settings(language=" English ", hotword_file=file, silence_schedule="offline")
    assert default_options(settings) == SessionOptions(
        language="English", hotwords=("Voxshard", "张三"), silence_schedule=OFFLINE_STEPS
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b"\xff\n", "not UTF-8"),
        (b"x" * 65, "at most 200 entries, each word 1 to 64 printable characters"),
    ],
)
def test_a_hotword_file_that_cannot_be_used_is_named(content: bytes | None, why: str, tmp_path: Path) -> None:
    file = tmp_path / "hotwords"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BootFailed, match=f"^{file}: {why}$"):
        default_options(Settings(hotword_file=file))
