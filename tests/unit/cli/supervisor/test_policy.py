from __future__ import annotations

import signal
from itertools import product

import pytest

from cli.supervisor.policy import (
    HEALTHY_AFTER_S,
    LONGEST_PAUSE_S,
    TRANSITIONS,
    ChildEvent,
    ChildLife,
    ChildState,
    Halt,
    Restart,
    describe_exit,
    next_state,
)
from common.backoff import Backoff

ALLOWED = {
    (ChildState.STARTING, ChildEvent.SAID_READY): ChildState.READY,
    (ChildState.STARTING, ChildEvent.EXITED): ChildState.BACKING_OFF,
    (ChildState.STARTING, ChildEvent.TOLD_TO_STOP): ChildState.STOPPING,
    (ChildState.READY, ChildEvent.EXITED): ChildState.BACKING_OFF,
    (ChildState.READY, ChildEvent.TOLD_TO_STOP): ChildState.STOPPING,
    (ChildState.BACKING_OFF, ChildEvent.RESTARTED): ChildState.STARTING,
    (ChildState.BACKING_OFF, ChildEvent.TOLD_TO_STOP): ChildState.STOPPED,
    (ChildState.STOPPING, ChildEvent.EXITED): ChildState.STOPPED,
    (ChildState.STOPPED, ChildEvent.TOLD_TO_STOP): ChildState.STOPPED,
}


def new_life() -> ChildLife:
    backoff, boots = Backoff(random=lambda: 0.0), Backoff(limit_s=LONGEST_PAUSE_S, random=lambda: 0.0)
    return ChildLife("worker-0", backoff, boots)


def ready_life(now: float = 0.0) -> ChildLife:
    life = new_life()
    life.said_ready(now)
    return life


def restart(life: ChildLife, how: str = "exited with code 1", now: float = 1.0) -> float:
    """Exit and start again; the delay that was decided on."""
    decision = life.exited(how, now)
    assert isinstance(decision, Restart)
    life.restarted()
    return decision.after_s


@pytest.mark.parametrize(("state", "event"), list(product(ChildState, ChildEvent)))
def test_every_state_and_event_goes_where_the_table_says(state: ChildState, event: ChildEvent) -> None:
    expected = ALLOWED.get((state, event))
    if expected is None:
        with pytest.raises(ValueError, match=f"{event.name} cannot happen while {state.name}"):
            next_state(state, event)
    else:
        assert next_state(state, event) is expected


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(ChildState)


@pytest.mark.parametrize("how", [describe_exit(0), describe_exit(3), describe_exit(-9)])
def test_first_start_that_fails_halts_whatever_the_code(how: str) -> None:
    life = new_life()
    assert life.exited(how, 1.0) == Halt(f"worker-0 {how}; it was never ready")
    assert life.state is ChildState.STOPPED


def test_ready_child_that_dies_is_restarted_soon() -> None:
    life = ready_life()
    assert life.exited("exited with code 0", 1.0) == Restart(0.1)
    states = [life.state]
    life.restarted()
    assert [*states, life.state] == [ChildState.BACKING_OFF, ChildState.STARTING]


def test_delays_double_up_to_five_seconds_while_it_dies_young() -> None:
    life = ready_life()
    delays = []
    for death in range(8):
        delays.append(restart(life, now=float(death)))
        life.said_ready(float(death))
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_whom_somebody_else_ends_again_and_again_is_back_soon_each_time() -> None:
    life = ready_life()
    for death in range(4):
        assert life.exited("was ended by SIGKILL", float(death), by_itself=False) == Restart(0.1)
        life.restarted()
        life.said_ready(float(death))


@pytest.mark.parametrize(("ready_s", "delay_s"), [(HEALTHY_AFTER_S, 0.1), (HEALTHY_AFTER_S - 0.01, 0.2)])
def test_delay_is_short_again_after_a_healthy_time(ready_s: float, delay_s: float) -> None:
    life = ready_life()
    restart(life, now=1.0)
    life.said_ready(2.0)
    assert restart(life, now=2.0 + ready_s) == delay_s


def test_failed_boots_do_not_count_as_healthy_time() -> None:
    life = ready_life()
    restart(life, now=1.0)
    restart(life, now=100.0)
    life.said_ready(100.0)
    assert restart(life, now=101.0) == 0.2


@pytest.mark.parametrize("by_itself", [True, False])
def test_one_that_does_not_boot_any_more_is_tried_ever_more_seldom_but_for_ever(by_itself: bool) -> None:
    life = ready_life()
    restart(life)
    delays = []
    for _ in range(100):
        decision = life.exited("was ended by SIGKILL", 1.0, by_itself=by_itself)
        assert isinstance(decision, Restart)
        life.restarted()
        delays.append(decision.after_s)
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[10:] == [LONGEST_PAUSE_S] * 90


def test_a_good_boot_forgives_the_failed_ones() -> None:
    life = ready_life()
    for _ in range(2):
        restart(life, now=HEALTHY_AFTER_S)
        assert [restart(life) for _ in range(3)] == [0.1, 0.2, 0.4]
        life.said_ready(0.0)


def test_told_to_stop_goes_through_stopping_only_while_a_process_runs() -> None:
    running, waiting = ready_life(), ready_life()
    running.told_to_stop()
    states = [running.state]
    running.ended()
    assert [*states, running.state] == [ChildState.STOPPING, ChildState.STOPPED]
    waiting.exited("exited with code 1", 1.0)
    waiting.told_to_stop()
    assert waiting.state is ChildState.STOPPED


def test_one_that_was_called_back_starts_at_once_and_nothing_is_held_against_it() -> None:
    booting, ready = new_life(), ready_life()
    for _ in range(6):
        assert booting.recalled() == Restart(0.0)
        booting.restarted()
    assert ready.recalled() == Restart(0.0)
    ready.restarted()
    ready.said_ready(1.0)
    assert restart(ready) == 0.1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exited with code 0"),
        (3, "could not boot (its own log says why)"),
        (5, "could not use its card (its own log says why)"),
        (-signal.SIGSEGV, "was ended by SIGSEGV"),
        (-99, "was ended by signal 99"),
    ],
)
def test_exit_is_described_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words
