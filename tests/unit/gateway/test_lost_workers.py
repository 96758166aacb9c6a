from __future__ import annotations

import pytest

from common.link import LINK_VERSION, Hello
from gateway.causes import Causes
from gateway.death import Death
from gateway.lost_workers import LostWorkers
from tests.support.clock import ManualClock


def worker(name: str, booted_s: float | None = None) -> Hello:
    return Hello(LINK_VERSION, name, 1, "", booted_s=booted_s)


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.workers = LostWorkers(self.clock, Causes())

    def lose(self, name: str, booted_s: float | None) -> None:
        self.workers.came(worker(name, booted_s))
        self.workers.lost(worker(name, booted_s), Death())


def test_while_nobody_is_away_nobody_is_expected() -> None:
    rig = Rig()
    assert rig.workers.eta_s() is None
    rig.lose("0", 5.0)
    rig.workers.came(worker("0", 5.0))
    assert rig.workers.eta_s() is None


@pytest.mark.parametrize(
    ("away_s", "eta_s"), [(0.0, 5), (0.1, 5), (1.0, 4), (3.9, 1), (5.0, 1), (8.9, 1), (9.1, None)]
)
def test_it_takes_as_long_to_come_back_as_it_took_to_come(away_s: float, eta_s: int | None) -> None:
    rig = Rig()
    rig.lose("0", 4.5)
    rig.clock.advance(away_s)
    assert rig.workers.eta_s() == eta_s


def test_the_first_to_come_back_counts() -> None:
    rig = Rig()
    rig.lose("0", 60.0)
    rig.clock.advance(2.0)
    rig.lose("1", 20.0)
    rig.lose("2", None)
    assert rig.workers.eta_s() == 20
    rig.workers.came(worker("1"))
    assert rig.workers.eta_s() == 58


def test_of_one_that_does_not_say_what_its_start_takes_nothing_is_known() -> None:
    rig = Rig()
    rig.lose("0", None)
    assert rig.workers.eta_s() is None
