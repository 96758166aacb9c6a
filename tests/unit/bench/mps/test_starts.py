from __future__ import annotations

from bench.mps.serving import Event
from bench.mps.starts import Instance, ready_times


def test_workers_are_ready_in_seconds_from_the_start_in_their_order() -> None:
    events = [
        Event(110.0, "supervisor", "child ready", {"child": "worker-1"}),
        Event(112.5, "supervisor", "child ready", {"child": "worker-0"}),
        Event(113.0, "supervisor", "child ready", {"child": "gateway-0"}),
        Event(114.0, "worker-0", "pinned", {"cores": "1"}),
    ]
    assert ready_times(events, 100.0) == (10.0, 12.5)


def test_an_instance_is_told_to_run_under_mps() -> None:
    instance = Instance("fun-asr-nano", ("--model", "models/nano"))
    assert instance.command(3) == (
        *("--mps", "on", "--engine", "fun-asr-nano", "--workers", "3"),
        *("--model", "models/nano"),
    )
    assert instance.limit_s(6) > instance.limit_s(1) > 60
