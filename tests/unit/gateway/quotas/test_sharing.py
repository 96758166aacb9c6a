"""Gateways that die, stand still and lose their table: never more streams than the quota while it answers.

`STEPS` rules are run for each of `EXAMPLES` histories, the same ones every time.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from common.audio import seconds_to_samples
from common.errors import AudioQuota, StreamQuota
from gateway.access.tenants import Tenant
from gateway.registry.base import EXPIRY_S
from tests.support.aio import finish
from tests.support.clock import ManualClock
from tests.support.use_tables import Gateway, Guest, UseModel

EXAMPLES: Final = 270
STEPS: Final = 50
GATEWAYS: Final = ("ada", "bob", "cleo")
QUOTA: Final = 4
TENANT: Final = Tenant("acme", streams=QUOTA)

done: Counter[str] = Counter()

gateways = st.sampled_from(GATEWAYS)
some_gateways = st.lists(gateways, min_size=1, max_size=len(GATEWAYS), unique=True)


class Sharing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.model = UseModel(self.clock)
        self.alive: dict[str, Gateway] = {}
        self.born = 0
        self.inside: dict[str, list[Guest]] = {}
        # Whether nothing has come between gateways and table since all was well.
        self.calm = True
        self.beaten: dict[str, float] = {}

    @initialize(count=st.integers(2, 3))
    def begin(self, count: int) -> None:
        for name in GATEWAYS[:count]:
            self._be_born(name)

    def _be_born(self, name: str) -> None:
        self.born += 1
        self.alive[name] = Gateway(self.model, f"{name}-{self.born}")
        self.inside[name] = []
        self._beat(name)

    def _beat(self, name: str) -> None:
        finish(self.alive[name].quotas.beat())
        self.beaten[name] = self.clock.now()

    def _count(self) -> int:
        return sum(len(guests) for guests in self.inside.values())

    # --- what happens --------------------------------------------------------------------------

    @rule(names=some_gateways, count=st.integers(1, QUOTA + 1))
    def start(self, names: list[str], count: int) -> None:
        """At each of them at the same time; they ask in this order."""
        asking = {name: self._ask(name, count) for name in names if name in self.alive}
        for name, guests in asking.items():
            finish(self.alive[name].quotas.settle())
            for guest in guests:
                self._answered(name, guest)

    def _ask(self, name: str, count: int) -> list[Guest]:
        guests = []
        for _ in range(count):
            guest = Guest()
            try:
                if self.alive[name].quotas.enter(TENANT, guest):
                    guest.admitted()
                    self.calm = False
            except StreamQuota as error:
                guest.refused(error)
            guests.append(guest)
        return guests

    def _answered(self, name: str, guest: Guest) -> None:
        assert len(guest.told) == 1
        if guest.told == [True]:
            done["start"] += 1
            self.inside[name].append(guest)
        else:
            done["refused"] += 1
        if not self.alive[name].up:
            self.calm = False

    @rule(name=gateways, told=st.booleans())
    def stop(self, name: str, told: bool) -> None:
        """`told`: the table hears of it at once."""
        if self.inside.get(name):
            done["stop"] += 1
            self.alive[name].quotas.leave(TENANT, self.inside[name].pop())
            if told:
                finish(self.alive[name].quotas.settle())

    @rule(name=gateways, told=st.booleans())
    def give_up(self, name: str, told: bool) -> None:
        """Two sessions ask, and one does not wait for the answer."""
        if name not in self.alive:
            return
        gone, stays = self._ask(name, 2)
        if not gone.told:
            self.alive[name].quotas.leave(TENANT, gone)
            if told:
                finish(self.alive[name].quotas.settle())
                assert not gone.told
        finish(self.alive[name].quotas.settle())
        for guest in (gone, stays):
            if guest.told:
                self._answered(name, guest)

    @rule(name=gateways)
    def beat(self, name: str) -> None:
        if name in self.alive:
            self._beat(name)

    @rule(seconds=st.sampled_from((0.2, 0.9, EXPIRY_S)))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def flush(self) -> None:
        done["flush"] += 1
        self.model.clear()
        self.calm = False

    @rule(names=some_gateways, away=st.booleans(), deaf=st.booleans())
    def outage(self, names: list[str], away: bool, deaf: bool) -> None:
        for name in filter(self.alive.__contains__, names):
            done["outage"] += away or deaf
            self.alive[name].remote.away, self.alive[name].remote.deaf = away, deaf

    @rule(names=some_gateways)
    def begin_apart(self, names: list[str]) -> None:
        """They notice that the table is away, and then each lets in what it can."""
        self.outage(names, away=True, deaf=False)
        for name in names:
            self.beat(name)
        self.start(names, QUOTA)

    @rule(name=gateways)
    def die(self, name: str) -> None:
        if self.alive.pop(name, None) is not None:
            done["death"] += 1
            del self.inside[name]

    @rule(name=gateways)
    def come_back(self, name: str) -> None:
        if name not in self.alive:
            self._be_born(name)

    @rule(order=st.permutations(GATEWAYS))
    def all_is_well_again(self, order: list[str]) -> None:
        """What the dead had has run out, all heartbeats are answered: all that is left is granted."""
        self.clock.advance(EXPIRY_S)
        present = [name for name in order if name in self.alive]
        before = self._count()
        for name in present:
            self.alive[name].remote.away = self.alive[name].remote.deaf = False
            self._beat(name)
        assert self._count() == before
        assert sum(self.model.inside(TENANT.id).values()) == before
        done["over"] += before > QUOTA
        self.calm = before <= QUOTA
        if present:
            self.start(present, QUOTA)
            assert self._count() == max(before, QUOTA)

    # --- what holds ----------------------------------------------------------------------------

    @invariant()
    def steps_are_counted(self) -> None:
        done["steps"] += 1

    @invariant()
    def no_gateway_lets_in_more_than_the_quota(self) -> None:
        assert all(len(guests) <= QUOTA for guests in self.inside.values())

    @invariant()
    def undisturbed_gateways_keep_to_the_quota_together(self) -> None:
        if not all(self.beaten[name] + EXPIRY_S > self.clock.now() for name in self.alive):
            # What a gateway does not say again is given to others.
            self.calm = False
        if self.calm:
            assert self._count() <= QUOTA
            told = self.model.inside(TENANT.id)
            for name, gateway in self.alive.items():
                assert told.get(gateway.owner, 0) >= len(self.inside[name])


@pytest.mark.timeout(180)
def test_streams_keep_to_the_quota_whatever_happens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    done.clear()
    run_state_machine_as_test(Sharing, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS))
    assert done["steps"] >= 10_000
    # None of what it is about was left out.
    assert all(
        done[what] > 40 for what in ("start", "refused", "stop", "flush", "outage", "death", "over")
    ), done


PER_MINUTE: Final = 60.0
FRAME_S: Final = 0.1
# What one gateway may have heard that the table does not know of: half a second, the last frame included.
UNTOLD_S: Final = 0.5


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.lists(st.tuples(gateways, st.integers(1, 200), st.sampled_from((0.0, 0.1, 1.0))), max_size=60))
def test_audio_keeps_to_the_quota(heard: list[tuple[str, int, float]]) -> None:
    """Each step is so many frames at a gateway, then a wait with a heartbeat of all if it is a long one."""
    clock = ManualClock()
    model, tenant = UseModel(clock), Tenant("acme", audio_seconds_per_minute=PER_MINUTE)
    all_of_them = {name: Gateway(model, name) for name in GATEWAYS}
    for gateway in all_of_them.values():
        gateway.quotas.check(tenant)
        finish(gateway.quotas.beat())
    began, let_through = clock.now(), 0
    for name, frames, wait in heard:
        for _ in range(frames):
            try:
                all_of_them[name].quotas.hear(tenant, seconds_to_samples(FRAME_S))
            except AudioQuota:
                break
            let_through += 1
            # The table is asked as soon as it has to be.
            finish(all_of_them[name].quotas.settle())
        clock.advance(wait)
        if wait >= 1:
            for gateway in all_of_them.values():
                finish(gateway.quotas.beat())
        allowed_s = PER_MINUTE + (clock.now() - began) * PER_MINUTE / 60
        assert let_through * FRAME_S <= allowed_s + UNTOLD_S * len(GATEWAYS)
