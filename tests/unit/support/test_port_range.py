from __future__ import annotations

import pytest

from tests.support.port_range import PORTS, free_port_range, ports_of


def test_alone_a_process_has_all_ports() -> None:
    assert ports_of({}) == PORTS


@pytest.mark.parametrize("processes", [1, 2, 7])
def test_processes_side_by_side_share_no_port(processes: int) -> None:
    shares = [
        ports_of({"PYTEST_XDIST_WORKER": f"gw{number}", "PYTEST_XDIST_WORKER_COUNT": str(processes)})
        for number in range(processes)
    ]
    ports = [port for share in shares for port in share]
    assert len(set(ports)) == len(ports)
    assert set(ports) <= set(PORTS)
    assert min(map(len, shares)) == max(map(len, shares)) == len(PORTS) // processes


def test_a_range_does_not_reach_into_that_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "400")
    share = ports_of({"PYTEST_XDIST_WORKER": "gw0", "PYTEST_XDIST_WORKER_COUNT": "400"})
    for _ in range(50):
        first = free_port_range(20)
        assert first >= share.start and first + 20 <= share.stop


def test_what_was_given_is_not_given_again_soon() -> None:
    ranges = [free_port_range(7) for _ in range(50)]
    assert len({port for first in ranges for port in range(first, first + 7)}) == 50 * 7
