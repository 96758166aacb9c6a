"""Gateways that die, stand still and lose their table: one id is never two gateways' for long.

`STEPS` rules are run for each of `EXAMPLES` histories, the same ones every time.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gateway.registry.base import EXPIRY_S, Pin
from gateway.registry.memory import MemoryTable
from tests.support.aio import finish
from tests.support.clock import ManualClock
from tests.support.pin_tables import Gateway, Holder

EXAMPLES: Final = 270
STEPS: Final = 50
GATEWAYS: Final = ("ada", "bob", "cleo")
SESSIONS: Final = ("one", "two")

done: Counter[str] = Counter()

gateways = st.sampled_from(GATEWAYS)
some_gateways = st.lists(gateways, min_size=1, max_size=len(GATEWAYS), unique=True)
sessions = st.sampled_from(SESSIONS)


class Ownership(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.table = MemoryTable(self.clock)
        # A gateway that has died is still believed to be there until its pins run out.
        self.alive: dict[str, Gateway] = {}
        self.born = 0
        self.holders: dict[tuple[str, str], Holder] = {}
        self.highest: defaultdict[str, int] = defaultdict(int)
        # Whoever had a session with an epoch below this one was taken it from.
        self.taken_over: defaultdict[str, int] = defaultdict(int)
        # Since when nothing has come between gateways and table; None while something has.
        self.calm = True
        self.beaten: dict[str, float] = {}

    @initialize(count=st.integers(2, 3))
    def begin(self, count: int) -> None:
        for name in GATEWAYS[:count]:
            self._be_born(name)

    def _be_born(self, name: str) -> None:
        self.born += 1
        gateway = self.alive[name] = Gateway(self.table, f"{name}-{self.born}")
        self._beat(gateway)

    def _beat(self, gateway: Gateway) -> None:
        finish(gateway.pins.beat())
        # What it was told to end, it has ended.
        finish(gateway.pins.settle())
        self.beaten[gateway.owner] = self.clock.now()

    def _held(self, session: str) -> dict[str, Pin]:
        pins = {gateway.owner: gateway.pins.pin(session) for gateway in self.alive.values()}
        return {owner: pin for owner, pin in pins.items() if pin is not None}

    # --- what happens --------------------------------------------------------------------------

    @rule(names=some_gateways, session=sessions, heard_of=st.integers(0, 3))
    def start(self, names: list[str], session: str, heard_of: int) -> None:
        for name in names:
            self._start(name, session, heard_of)

    def _start(self, name: str, session: str, heard_of: int) -> None:
        gateway = self.alive.get(name)
        if gateway is None or gateway.pins.pin(session) is not None:
            return
        done["start"] += 1
        before = self.table.pin(session)
        reached = gateway.up == 1 and not gateway.remote.away and not gateway.remote.deaf
        holder = finish(gateway.start(session, heard_of))
        pin = gateway.pins.pin(session)
        if pin is None:
            assert holder.told == ["taken"]
            assert before is not None and before.owner != gateway.owner
            done["refused"] += 1
            return
        assert holder.told == ["pinned"]
        assert pin.epoch > heard_of
        self.holders[gateway.owner, session] = holder
        if reached:
            assert before is None or before.owner == gateway.owner
            assert self.table.pin(session) == pin
            assert pin.epoch > self.highest[session]
        else:
            self.calm = False

    @rule(name=gateways, session=sessions, heard_of=st.integers(0, 3))
    def take_over(self, name: str, session: str, heard_of: int) -> None:
        """Its client has come to this gateway; the former one learns that with its next heartbeat."""
        gateway = self.alive.get(name)
        if gateway is None or gateway.pins.pin(session) is not None:
            return
        done["takeover"] += 1
        reached = gateway.up == 1 and not gateway.remote.away and not gateway.remote.deaf
        holder = finish(gateway.start(session, heard_of, takes_over=True))
        pin = gateway.pins.pin(session)
        assert pin is not None and holder.told == ["pinned"]
        self.holders[gateway.owner, session] = holder
        self.calm = False
        if reached:
            assert self.table.pin(session) == pin
            assert pin.epoch > self.highest[session]
            self.taken_over[session] = pin.epoch

    @rule(name=gateways, session=sessions)
    def stop(self, name: str, session: str) -> None:
        gateway = self.alive.get(name)
        if gateway is not None and gateway.pins.pin(session) is not None:
            done["stop"] += 1
            gateway.pins.release(session)
            del self.holders[gateway.owner, session]
            finish(gateway.pins.settle())

    @rule(name=gateways)
    def beat(self, name: str) -> None:
        if name in self.alive:
            self._beat(self.alive[name])

    @rule(seconds=st.sampled_from((0.2, 0.9, EXPIRY_S)))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def flush(self) -> None:
        done["flush"] += 1
        self.table.clear()
        self.highest.clear()
        self.taken_over.clear()
        self.calm = False

    @rule(names=some_gateways, away=st.booleans(), deaf=st.booleans())
    def outage(self, names: list[str], away: bool, deaf: bool) -> None:
        for name in filter(self.alive.__contains__, names):
            done["outage"] += away or deaf
            self.alive[name].remote.away, self.alive[name].remote.deaf = away, deaf

    @rule(names=some_gateways, session=sessions, heard_of=st.integers(0, 3))
    def begin_apart(self, names: list[str], session: str, heard_of: int) -> None:
        """They notice that the table is away, and then a session with one id begins at each."""
        self.outage(names, away=True, deaf=False)
        for name in names:
            self.beat(name)
            self._start(name, session, heard_of)

    @rule(name=gateways)
    def die(self, name: str) -> None:
        gateway = self.alive.pop(name, None)
        if gateway is not None:
            done["death"] += 1

    @rule(name=gateways)
    def come_back(self, name: str) -> None:
        if name not in self.alive:
            self._be_born(name)

    @rule(order=st.permutations(GATEWAYS), emptied=st.booleans())
    def all_is_well_again(self, order: list[str], emptied: bool) -> None:
        """Everybody's heartbeat is answered, twice: of those who had a session exactly one has it."""
        if emptied:
            self.flush()
        before = {session: self._held(session) for session in SESSIONS}
        known = {session: self.table.pin(session) for session in SESSIONS}
        present = [self.alive[name] for name in order if name in self.alive]
        for gateway in (*present, *present):
            gateway.remote.away = gateway.remote.deaf = False
            self._beat(gateway)
        for session, had in before.items():
            has = self._held(session)
            self._check_outcome(had, has, known[session], self.taken_over[session])
            if emptied and had:
                assert list(has) == [max(had.values(), key=lambda pin: pin.rank).owner]
        self.calm = True

    def _check_outcome(
        self, had: dict[str, Pin], has: dict[str, Pin], known: Pin | None, taken_over: int
    ) -> None:
        done["dispute"] += len(had) > 1
        assert len(has) <= 1
        assert has.keys() <= had.keys()
        entitled = [owner for owner, pin in had.items() if pin.epoch >= taken_over]
        if known is None or known.owner in had:
            # Nobody who has died stands in between.
            assert len(has) == min(1, len(entitled))

    # --- what holds ----------------------------------------------------------------------------

    @invariant()
    def steps_are_counted(self) -> None:
        done["steps"] += 1

    @invariant()
    def the_table_names_one_owner_and_its_epochs_never_go_back(self) -> None:
        for session in SESSIONS:
            pin = self.table.pin(session)
            if pin is not None:
                assert pin.epoch >= self.highest[session]
                self.highest[session] = pin.epoch
                assert sum(held == pin for held in self._held(session).values()) <= 1

    @invariant()
    def undisturbed_gateways_never_share_a_session(self) -> None:
        oldest_beat = self.clock.now() - EXPIRY_S
        for session in SESSIONS:
            held = self._held(session)
            in_time = [owner for owner in held if self.beaten[owner] > oldest_beat]
            if self.calm and len(in_time) == len(held):
                assert len(held) <= 1

    @invariant()
    def who_has_a_session_and_who_has_it_no_more_was_told(self) -> None:
        alive = {gateway.owner: gateway.pins for gateway in self.alive.values()}
        for (owner, session), holder in self.holders.items():
            if owner in alive:
                had = alive[owner].pin(session) is not None
                assert holder.told == (["pinned"] if had else ["pinned", "taken"])


@pytest.mark.timeout(180)
def test_an_id_is_one_gateways_whatever_happens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    done.clear()
    run_state_machine_as_test(Ownership, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS))
    assert done["steps"] >= 10_000
    # None of what it is about was left out.
    assert all(
        done[what] > 40
        for what in ("start", "refused", "takeover", "stop", "flush", "outage", "death", "dispute")
    )
