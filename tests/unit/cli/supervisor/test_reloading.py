from __future__ import annotations

from typing import Any

from cli.supervisor.reloading import LIVE, ROLLING, Changes, Reach, adopted, changes, reach_of
from common.settings import Settings, load_settings


def settings(**flags: Any) -> Settings:
    return load_settings(flags, {})


def test_every_name_is_a_setting_of_one_reach() -> None:
    assert set(Settings.model_fields) >= LIVE | ROLLING
    assert not LIVE & ROLLING


def test_what_others_rely_on_waits_for_a_restart() -> None:
    for name in ("port", "workers", "run_dir", "placement_seed", "redis_url", "engine", "model", "vad"):
        assert reach_of(name) is Reach.RESTART


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
