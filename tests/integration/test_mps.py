"""The supervisor and CUDA's MPS, played by a program of the same name: who starts and ends it, and how all
sessions outlive a fault of the card that takes every worker along."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.card_engine import ENGINE, FAKE, plant_fault, with_fake_mps
from tests.support.processes import Deployment, DidNotStart, Plan, wait_until
from tests.support.trouble import SESSIONS, run_under
from tests.support.wire import eventually, in_loop
from worker.mps_control import CONTROL, PIPES_VARIABLE

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

UNDER_MPS = Plan(ENGINE, workers=2, flags=("--mps", "on"), environ=with_fake_mps())


def state(deployment: Deployment) -> str:
    metrics = deployment.metrics(deployment.supervisor_url)
    [now] = [name for name in ("off", "running", "recovering") if metrics.total("asr_mps_daemon", state=name)]
    return now


def recoveries(deployment: Deployment, trouble: str) -> float:
    return deployment.metrics(deployment.supervisor_url).total("asr_card_recoveries_total", trouble=trouble)


def attached(deployment: Deployment) -> list[float]:
    pages = [deployment.metrics(deployment.worker_url(str(index))) for index in range(2)]
    return [page.total("asr_mps_attached") for page in pages]


def daemon_pid(deployment: Deployment) -> int:
    return int((deployment.run_dir / "mps" / "pid").read_text())


def at(logs: str, *lines: str) -> list[int]:
    """Where each stands in the logs, the first time."""
    return [logs.index(line) for line in lines]


def test_own_daemon_is_there_before_the_workers_and_goes_after_them() -> None:
    with Deployment(UNDER_MPS) as deployment:
        assert state(deployment) == "running"
        assert attached(deployment) == [1.0, 1.0]
    started = at(deployment.logs, "MPS daemon started", "child started child=worker-0", "runs under MPS")
    assert started == sorted(started)
    ended = at(
        deployment.logs, "child gone child=gateway-0", "child gone child=worker-0", "MPS daemon stopped"
    )
    assert ended == sorted(ended)


@in_loop
async def test_no_session_loses_a_word_when_a_fault_takes_all_workers_of_the_card() -> None:
    async def fault(deployment: Deployment, rng: random.Random) -> None:
        await asyncio.sleep(rng.uniform(1.0, 3.0))
        before = {name: child.pid for name, child in deployment.children().items()}
        plant_fault(deployment.run_dir / "mps")
        await eventually(lambda: state(deployment) == "recovering", 10, "the card is cleared")
        await eventually(lambda: state(deployment) == "running", 20, "the daemon is back")
        await eventually(lambda: attached(deployment) == [1.0, 1.0], 20, "both workers are back on it")
        after = {name: child.pid for name, child in deployment.children().items()}
        assert {name for name in before if before[name] == after[name]} == {"gateway-0"}
        assert recoveries(deployment, "fault") == 1.0
        assert "could not use its card" in deployment.logs

    outcome = await run_under(fault, UNDER_MPS)
    assert len({message["session_id"] for message in outcome.moves}) == SESSIONS


@in_loop
async def test_a_daemon_that_dies_is_started_again_with_all_workers() -> None:
    async def kill(deployment: Deployment, rng: random.Random) -> None:
        await asyncio.sleep(rng.uniform(1.0, 3.0))
        gone = daemon_pid(deployment)
        os.kill(gone, signal.SIGKILL)
        await eventually(lambda: recoveries(deployment, "daemon") == 1.0, 10, "its end is seen")
        await eventually(lambda: attached(deployment) == [1.0, 1.0], 20, "workers are clients of a new one")
        assert daemon_pid(deployment) != gone
        assert state(deployment) == "running"

    await run_under(kill, UNDER_MPS)


def test_worker_that_is_no_client_is_not_ready_and_says_so() -> None:
    with (
        pytest.raises(DidNotStart, match="exit code 3") as error,
        Deployment(Plan(ENGINE, flags=("--mps", "on"), environ=with_fake_mps(FAKE_MPS_DETACHED="yes"))),
    ):
        pass
    assert "not a client of the MPS daemon at" in str(error.value)
    assert "worker-0 could not use its card (its own log says why); it was never ready" in str(error.value)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"FAKE_MPS": "broken"}, "MPS: exited with code 1; it said: Failed to start: no card; --mps off"),
        ({"PATH": os.environ["PATH"]}, "MPS: nvidia-cuda-mps-control is not on the PATH"),
    ],
)
def test_without_a_daemon_nothing_is_started(environ: dict[str, str], said: str) -> None:
    plan = Plan(ENGINE, flags=("--mps", "on"), environ=with_fake_mps() | environ)
    with pytest.raises(DidNotStart, match="exit code 2") as error, Deployment(plan):
        pass
    assert said in str(error.value)
    assert "child started" not in str(error.value)


@contextmanager
def foreign_daemon() -> Iterator[Path]:
    """Its pipes."""
    with tempfile.TemporaryDirectory(prefix="vs-mps-") as pipes:
        environ = {**os.environ, PIPES_VARIABLE: pipes}
        with subprocess.Popen([FAKE / CONTROL, "-f"], env=environ, stdout=subprocess.DEVNULL) as daemon:
            try:
                wait_until((Path(pipes) / "control").exists, 10, "the daemon is there")
                yield Path(pipes)
                assert daemon.poll() is None
            finally:
                daemon.kill()


def test_daemon_of_somebody_else_is_used_and_stays() -> None:
    with foreign_daemon() as pipes:
        environ = with_fake_mps(**{PIPES_VARIABLE: str(pipes)})
        with Deployment(Plan(ENGINE, workers=2, flags=("--mps", "on"), environ=environ)) as deployment:
            assert state(deployment) == "running"
            assert attached(deployment) == [1.0, 1.0]
            assert not (deployment.run_dir / "mps").exists()


def test_a_supervisor_that_is_killed_leaves_no_daemon() -> None:
    with Deployment(UNDER_MPS) as deployment:
        deployment.terminate(signal.SIGKILL)
        wait_until(lambda: not deployment.processes(), 10, "all that belonged to it is gone")
