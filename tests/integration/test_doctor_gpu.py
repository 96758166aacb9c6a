"""`voxshard doctor` where there is a card and one thing is wrong: it names that one, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support.doctor_machine import Machine, Report, machine_in, only
from tests.support.planted_gpu import GIB, PlantedGpu


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return machine_in(tmp_path)


@pytest.fixture
def gpu(machine: Machine) -> PlantedGpu:
    """`machine` has a card now."""
    planted = PlantedGpu(machine.folder)
    machine.environ |= planted.environ
    machine.flags |= planted.flags
    return planted


def test_on_a_healthy_machine_with_a_card_there_is_nothing_to_tell(machine: Machine, gpu: PlantedGpu) -> None:
    assert machine.examine() == Report(ok=True, findings=[])


def test_a_card_of_which_the_driver_tells_little_is_well(machine: Machine, gpu: PlantedGpu) -> None:
    gpu.tell_nvml(mode=None, pids=None)
    assert machine.examine() == Report(ok=True, findings=[])


# --- faults of a machine with a card ------------------------------------------------------------


def no_driver(machine: Machine, gpu: PlantedGpu) -> None:
    gpu.tell_nvml(trouble="Driver Not Loaded")


def old_driver(machine: Machine, gpu: PlantedGpu) -> None:
    gpu.tell_nvml(cuda=12_040)


def another_torch(machine: Machine, gpu: PlantedGpu) -> None:
    gpu.install("torch", "2.11.0")


def torch_for_the_processor(machine: Machine, gpu: PlantedGpu) -> None:
    gpu.build_torch("None")


def old_vllm(machine: Machine, gpu: PlantedGpu) -> None:
    gpu.install("vllm", "0.19.1", "torch==2.13.0")


def second_card(machine: Machine, gpu: PlantedGpu) -> None:
    machine.flags["device"] = "cuda:1"


def hidden_cards(machine: Machine, gpu: PlantedGpu) -> None:
    machine.environ["CUDA_VISIBLE_DEVICES"] = ""


def card_that_is_not_visible(machine: Machine, gpu: PlantedGpu) -> None:
    gpu.tell_nvml(cards=2)
    second_card(machine, gpu)


def misspelt_device(machine: Machine, gpu: PlantedGpu) -> None:
    machine.flags["device"] = "cdua"


def card_in_use(machine: Machine, gpu: PlantedGpu) -> None:
    gpu.tell_nvml(free=20 * GIB, pids=[os.getpid()])


def other_process(machine: Machine, gpu: PlantedGpu) -> None:
    gpu.tell_nvml(free=100 * GIB, pids=[os.getpid()])


def exclusive_card(machine: Machine, gpu: PlantedGpu) -> None:
    gpu.tell_nvml(mode=3)


def dead_daemon(machine: Machine, gpu: PlantedGpu) -> None:
    pipes = machine.folder / "mps"
    pipes.mkdir()
    os.mkfifo(pipes / "control")
    gpu.put_program("nvidia-cuda-mps-control", 'echo "Cannot find MPS control daemon process" >&2; exit 1')
    machine.environ["CUDA_MPS_PIPE_DIRECTORY"] = str(pipes)


def stuck_daemon(machine: Machine, gpu: PlantedGpu) -> None:
    dead_daemon(machine, gpu)
    gpu.put_program("nvidia-cuda-mps-control", "exec sleep 30")


def daemon_of_another_user(machine: Machine, gpu: PlantedGpu) -> None:
    dead_daemon(machine, gpu)
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(machine.folder / "mps", 12_345, 12_345)


def daemon_in_a_folder_of_another_user(machine: Machine, gpu: PlantedGpu) -> None:
    daemon_of_another_user(machine, gpu)
    (machine.folder / "mps").chmod(0o700)
    machine.environ["CUDA_MPS_PIPE_DIRECTORY"] = str(machine.folder / "mps" / "pipes")
    _as_anybody(machine)


def mps_without_its_program(machine: Machine, gpu: PlantedGpu) -> None:
    machine.flags["mps"] = "on"


def no_model(machine: Machine, gpu: PlantedGpu) -> None:
    machine.flags["model"] = machine.folder / "nothing"


def model_at_the_hub(machine: Machine, gpu: PlantedGpu) -> None:
    machine.flags["model"] = "FunAudioLLM/Fun-ASR-Nano-2512"


def half_a_model(machine: Machine, gpu: PlantedGpu) -> None:
    (gpu.model / "config.yaml").unlink()


def another_model(machine: Machine, gpu: PlantedGpu) -> None:
    (gpu.model / "config.yaml").write_text("model: SenseVoiceSmall\n")


def weights_for_others(machine: Machine, gpu: PlantedGpu) -> None:
    (gpu.model / "model.pt").chmod(0)
    _as_anybody(machine)


def model_in_a_folder_for_others(machine: Machine, gpu: PlantedGpu) -> None:
    gpu.model.chmod(0)
    _as_anybody(machine)


def prepared_among_other_things(machine: Machine, gpu: PlantedGpu) -> None:
    machine.flags["prepared"] = machine.folder


def prepared_where_nobody_may_write(machine: Machine, gpu: PlantedGpu) -> None:
    folder = machine.folder / "closed"
    folder.mkdir(mode=0o555)
    machine.flags["prepared"] = folder / "prepared"
    _as_anybody(machine)


def detector_that_nobody_knows(machine: Machine, gpu: PlantedGpu) -> None:
    machine.flags["vad"] = "fsnm"


def truncated_weights(machine: Machine, gpu: PlantedGpu) -> None:
    _cut(gpu.model / "model.pt")


def truncated_safetensors(machine: Machine, gpu: PlantedGpu) -> None:
    _cut(gpu.prepared / "language_model/model.safetensors")


def changed_model(machine: Machine, gpu: PlantedGpu) -> None:
    (gpu.model / "config.yaml").touch()


def _as_anybody(machine: Machine) -> None:
    """Without the rights that root has over files."""
    if os.geteuid() == 0:
        machine.through = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


GPU_FAULTS: Final[dict[Callable[[Machine, PlantedGpu], None], str]] = {
    no_driver: "driver_missing",
    old_driver: "driver_too_old",
    another_torch: "versions_clash",
    torch_for_the_processor: "torch_without_cuda",
    old_vllm: "vllm_unsupported",
    second_card: "card_missing",
    hidden_cards: "card_missing",
    card_that_is_not_visible: "card_missing",
    misspelt_device: "settings_invalid",
    card_in_use: "card_memory",
    other_process: "card_shared",
    exclusive_card: "compute_mode",
    dead_daemon: "mps_dead",
    stuck_daemon: "mps_dead",
    daemon_of_another_user: "mps_other_user",
    daemon_in_a_folder_of_another_user: "mps_other_user",
    mps_without_its_program: "mps_unusable",
    no_model: "model_missing",
    model_at_the_hub: "model_not_here",
    half_a_model: "model_incomplete",
    another_model: "model_incomplete",
    weights_for_others: "model_forbidden",
    model_in_a_folder_for_others: "model_forbidden",
    prepared_among_other_things: "cannot_prepare",
    prepared_where_nobody_may_write: "cannot_prepare",
    detector_that_nobody_knows: "settings_invalid",
    truncated_weights: "weights_broken",
    truncated_safetensors: "weights_broken",
    changed_model: "model_unprepared",
}


@pytest.mark.parametrize("plant", GPU_FAULTS, ids=lambda plant: plant.__name__)
def test_it_names_what_is_wrong_with_card_and_model(
    machine: Machine, gpu: PlantedGpu, plant: Callable[[Machine, PlantedGpu], None]
) -> None:
    plant(machine, gpu)
    assert only(machine.examine()).cause == GPU_FAULTS[plant]


def test_there_has_to_be_room_to_prepare_a_model(machine: Machine, gpu: PlantedGpu) -> None:
    machine.mount("size=1m,mode=700")
    machine.flags["prepared"] = machine.folder / "run" / "prepared"
    # Of nothing but a hole: it takes no disk here, and would there.
    os.truncate(gpu.model / "Qwen3-0.6B" / "tokenizer.json", 2**30)
    told = only(machine.examine())
    assert told.cause == "no_space_to_prepare" and "1.0 GiB" in told.means
