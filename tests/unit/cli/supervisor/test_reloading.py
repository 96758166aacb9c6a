from __future__ import annotations

from typing import Any

from cli.supervisor.reloading import Changes, adopted, changes
from common.settings import Settings, load_settings


def settings(**flags: Any) -> Settings:
    return load_settings(flags, {})


def test_changes_are_told_by_how_far_they_reach() -> None:
    new = settings(max_speaking=50, port=11_000, segment_cap_ms=9_000, idle_timeout=60.0)
    assert changes(settings(), new) == Changes(("max_speaking",), ("segment_cap_ms",), ("port",))
    assert changes(new, new) == Changes()


def test_all_but_what_waits_for_a_restart_is_adopted() -> None:
    running = settings(port=11_000, max_speaking=5, capacity=2.0, redis_url="redis://a")
    new = settings(max_speaking=7, log_level="debug")
    assert adopted(running, new) == settings(
        port=11_000, redis_url="redis://a", max_speaking=7, log_level="debug"
    )
