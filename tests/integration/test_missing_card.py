"""A card that is not there is told at once, in one place, before an engine loads anything to look for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.doctor_machine import Machine, machine_in
from tests.support.planted_gpu import PlantedGpu

TOLD = (
    "there is no card for --device cuda:7: nvidia-smi -L lists them; correct --device or CUDA_VISIBLE_DEVICES"
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Its only card has the number 0; its torch, when it is imported, raises."""
    machine = machine_in(tmp_path)
    gpu = PlantedGpu(machine.folder)
    machine.environ |= gpu.environ
    machine.flags |= gpu.flags | {"device": "cuda:7"}
    return machine


def test_serve_ends_with_2_and_one_line(machine: Machine) -> None:
    done = machine.run("serve")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"voxshard serve: {TOLD}\n")


def test_a_worker_by_hand_ends_with_3_and_says_so(machine: Machine) -> None:
    run_dir = machine.folder / "run"
    run_dir.mkdir(mode=0o700)
    done = machine.run("worker", "--index", "0", "--run-dir", str(run_dir))
    assert done.returncode == 3
    assert "worker-0: cannot boot" in done.stderr
    assert f"NoCard: {TOLD}\n" in done.stderr


def test_gateways_alone_need_none(machine: Machine) -> None:
    """They go on to their run folder, which nobody can use here."""
    run_dir = machine.folder / "run"
    run_dir.mkdir(mode=0o755)
    machine.flags["workers"] = 0
    redis = ("--redis-url", "redis://127.0.0.1", "--run-dir", str(run_dir))
    done = machine.run("serve", *redis)
    assert (done.returncode, "chmod 700" in done.stderr) == (2, True)
