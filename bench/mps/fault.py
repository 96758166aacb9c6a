"""A fault of the card under live streams: a kernel of one worker fails an assertion, and all are watched."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from bench.live import make_jobs
from bench.live_flags import Load
from bench.live_material import Loop, MaterialKind, Stretch, make_loop
from bench.live_processes import LiveError, run_clients
from bench.live_trace import ClientReport, StreamTrace
from bench.mps.blow import Blow
from bench.mps.canary import Canary, CanaryDead, Program
from bench.mps.host import card_facts, left_over, marked_processes
from bench.mps.record import Fault, Sessions, Start, WorkerEnd
from bench.mps.serving import Event, Serving, ServingFailed
from bench.mps.starts import Instance, clients_of, pipes_of, seen, serving
from bench.speech import read_speech
from common.ops_client import FetchFailed
from worker.mps_control import PIPES_VARIABLE, NoAnswer
from worker.process_stat import is_under

_RAMP_S: Final = 5.0
_CLIENTS: Final = 4
_STATES_FOR_S: Final = 5.0
_LOOK_AGAIN_S: Final = 0.2
# A detector of speech tells borders to some tens of milliseconds, and may miss the very end of a word.
_TOLERANCE_S: Final = 0.3
_TOLD: Final = frozenset(
    {"card in trouble, its workers start anew", "MPS daemon stopped", "MPS daemon started", "card free again"}
)


def measure_fault(instance: Instance, workers: int, blow: Blow, program: Program) -> tuple[Start, Fault]:
    """Never raises for what the instance does: the records say it."""
    start, fault = Start(workers), Fault(workers, "")
    try:
        with serving(instance, workers) as running:
            start = seen(running, workers)
            fault = _under_streams(running, workers, blow)
            start = replace(start, stop_s=running.stop())
    except (ServingFailed, FetchFailed, NoAnswer, LiveError, StopIteration, TimeoutError) as error:
        fault = replace(fault, failure=f"{type(error).__name__}: {error}")
    return start, replace(fault, left=left_over(), healthy=card_facts(), canary_error=_canary_error(program))


def _under_streams(running: Serving, workers: int, blow: Blow) -> Fault:
    load = Load((blow.streams,), blow.seconds, _RAMP_S, min(_CLIENTS, blow.streams), MaterialKind.CONTINUOUS)
    loop = make_loop(read_speech(), load.material)
    injection = Injection(running, f"worker-{workers - 1}", blow)
    injecting = threading.Thread(target=injection.run, name="injection")
    injecting.start()
    try:
        reports = run_clients(make_jobs(load, [running.address("live")], blow.streams, loop))
    finally:
        injection.over.set()
        injecting.join()
    if injection.at is None:
        raise ServingFailed(f"nothing was injected: {injection.failure}")
    events = [event for event in running.events if event.at >= injection.at]
    ends = worker_ends(events, injection.at, [f"worker-{index}" for index in range(workers)])
    return Fault(
        workers,
        injection.target,
        events=tuple((round(e.at - injection.at, 3), e.message) for e in events if e.message in _TOLD),
        states=tuple(injection.states),
        ends=ends,
        first_ready_s=min((end.ready_s for end in ends if end.ready_s is not None), default=None),
        sessions=_sessions(running, reports, loop, blow.seconds),
    )


class Injection:
    """Into the process that computes for one worker, once all streams live. `at`: seconds since the epoch;
    None: not yet. `over`: it would be too late now."""

    def __init__(self, running: Serving, target: str, blow: Blow) -> None:
        self.target = target
        self.at: float | None = None
        self.failure = "the streams were over before"
        self.over = threading.Event()
        self._blow = blow
        self.states: list[tuple[float, str]] = []
        self._running = running

    def run(self) -> None:
        while self._live_streams() < self._blow.streams:
            if self.over.wait(_LOOK_AGAIN_S):
                return
        if not self.over.wait(self._blow.after_s):
            self._inject()

    def _live_streams(self) -> int:
        """As the gateway counts them."""
        return round(self._running.total("gateway-0", "asr_gateway_connections", state="in_session"))

    def _inject(self) -> None:
        try:
            worker = self._running.pids()[self.target]
            if worker is None:
                self.failure = f"{self.target} does not run"
                return
            pid = next(_engines(worker), worker)
            self.at = time.time()
            os.kill(pid, signal.SIGUSR1)
        except (FetchFailed, OSError) as error:
            self.failure = str(error)
        else:
            self._watch_states(self.at)

    def _watch_states(self, at: float) -> None:
        """Of the MPS servers, each when it is another one."""
        while (after_s := time.time() - at) < _STATES_FOR_S:
            try:
                state, _ = asyncio.run(clients_of(pipes_of(self._running.events)))
            except NoAnswer as error:
                state = str(error)
            if not self.states or self.states[-1][1] != state:
                self.states.append((round(after_s, 3), state))


def _engines(worker: int) -> Iterator[int]:
    hosted = (pid for pid, line in marked_processes().items() if "worker.engines.hosted" in line)
    yield from (pid for pid in hosted if is_under(pid, worker))


def worker_ends(events: Sequence[Event], at: float, names: Sequence[str]) -> tuple[WorkerEnd, ...]:
    """Of each worker, how it ended first, and when it was ready again."""
    return tuple(
        _worker_end([e for e in events if e.fields.get("child") == name], at, name) for name in names
    )


def _worker_end(events: Sequence[Event], at: float, name: str) -> WorkerEnd:
    gone = next((round(e.at - at, 3) for e in events if e.message == "child gone"), None)
    how = next((e.fields["how"] for e in events if e.message == "child died"), "was taken off the card")
    ready = next((round(e.at - at, 3) for e in events if e.message == "child ready"), None)
    return WorkerEnd(name, gone, how if gone is not None else "lives", ready)


def _sessions(running: Serving, reports: Sequence[ClientReport], loop: Loop, seconds: float) -> Sessions:
    traces = [trace for report in reports for trace in report.traces]
    errors = [trace.ending.error for trace in traces if trace.ending.error]
    heard = [loop.stretches(trace.plan.offset, seconds) for trace in traces]
    return Sessions(
        streams=len(traces),
        lost=len(errors),
        errors={error: errors.count(error) for error in dict.fromkeys(errors)},
        changed=sum(trace.changed for trace in traces),
        skipped=sum(trace.skipped for trace in traces),
        sentences=sum(len(trace.locked) for trace in traces),
        speech_s=sum(s.end_s - s.start_s for stretches in heard for s in stretches),
        unheard_s=max((unheard_s(*pair) for pair in zip(traces, heard, strict=True)), default=0.0),
        gap_s=max((gap_s(trace) for trace in traces), default=0.0),
        moved=round(running.total("gateway-0", "asr_session_moves_total")),
        waited=round(running.total("gateway-0", "asr_session_move_seconds_count", waited="yes")),
        replayed_s=running.total("gateway-0", "asr_replayed_audio_seconds_total"),
    )


def unheard_s(trace: StreamTrace, stretches: Sequence[Stretch]) -> float:
    """Seconds of sound that are in no sentence, but for what its borders may be off."""
    missing = 0.0
    for stretch in stretches:
        free_from = stretch.start_s
        for sentence in trace.locked:
            if sentence.end_s > free_from and sentence.start_s < stretch.end_s:
                missing += max(0.0, sentence.start_s - free_from - _TOLERANCE_S)
                free_from = max(free_from, sentence.end_s)
        missing += max(0.0, stretch.end_s - free_from - _TOLERANCE_S)
    return missing


def gap_s(trace: StreamTrace) -> float:
    """The longest time between two results."""
    heard = sorted(
        [partial.at_s for partial in trace.partials] + [sentence.at_s for sentence in trace.locked]
    )
    return max((after - before for before, after in pairwise(heard)), default=0.0)


def _canary_error(program: Program) -> float | None:
    """Without MPS: whether the card itself still computes."""
    try:
        with Canary(program) as bird:
            return bird.sing({PIPES_VARIABLE: str(Path(os.devnull) / "none")}).error
    except CanaryDead:
        return None
