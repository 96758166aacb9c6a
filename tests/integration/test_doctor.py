"""`voxshard doctor` on machines on which one thing is wrong: it names that one, and nothing else."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from redis import Redis

from common.settings import PREFIX
from tests.support.addresses import Addresses
from tests.support.planted_gpu import GIB, PlantedGpu
from tests.support.processes import MOONSHINE, SCRIPTED
from tests.support.redis_server import PASSWORD, RedisServer

_WITHIN_S: Final = 60.0
_TOKENS: Final = "[tokens]\naudience='x'\n[[tokens.keys]]\nkid='a'\nalgorithm='HS256'\nkey='%s'\n" % (
    "s" * 32
)
# A mount that ends with the command.
_MOUNTED: Final = 'mount -t tmpfs -o {options} none {folder} && exec "$@"'


class Told(msgspec.Struct, frozen=True):
    severity: str
    cause: str
    found: str
    means: str
    do: str


class Report(msgspec.Struct, frozen=True):
    ok: bool
    findings: list[Told]


@dataclass
class Machine:
    """How the doctor is run: by which command, with which settings."""

    folder: Path
    flags: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    through: list[str] = field(default_factory=list)

    def examine(self) -> Report:
        done = self.run("--json")
        report = msgspec.json.decode(done.stdout, type=Report)
        assert done.returncode == (0 if report.ok else 1), done.stderr
        return report

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        flags = [part for name, value in self.flags.items() for part in (f"--{name}", str(value))]
        voxshard = Path(sys.executable).with_name("voxshard")
        mine = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        return subprocess.run(
            [*self.through, str(voxshard), "doctor", *arguments, *flags],
            env=mine | self.environ,
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
        )

    def file(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def mount(self, options: str) -> None:
        """An empty disk as the run folder, in a namespace of the command's own."""
        run_dir = self.folder / "run"
        run_dir.mkdir(mode=0o700)
        script = _MOUNTED.format(options=options, folder=run_dir)
        self.through = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
        if subprocess.run([*self.through, "true"], check=False).returncode != 0:
            pytest.skip("this user may make no mount namespaces")
        self.flags["run-dir"] = run_dir


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    addresses = Addresses("127.0.0.1", gateways=1, workers=2)
    return Machine(tmp_path, {**addresses.settings(), "engine": SCRIPTED})


@pytest.fixture
def gpu(machine: Machine) -> PlantedGpu:
    """`machine` has a card now."""
    planted = PlantedGpu(machine.folder)
    machine.environ |= planted.environ
    machine.flags |= planted.flags
    return planted


def only(report: Report) -> Told:
    assert len(report.findings) == 1, report.findings
    [told] = report.findings
    assert told.found and told.means and told.do
    return told


# --- nothing is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [SCRIPTED, MOONSHINE])
def test_on_a_healthy_machine_there_is_nothing_to_tell(
    machine: Machine, engine: str, redis: RedisServer
) -> None:
    machine.flags["engine"] = engine
    machine.environ["VOXSHARD_REDIS_URL"] = redis.url
    assert machine.examine() == Report(ok=True, findings=[])


def test_on_a_healthy_machine_with_a_card_there_is_nothing_to_tell(machine: Machine, gpu: PlantedGpu) -> None:
    assert machine.examine() == Report(ok=True, findings=[])


def test_people_are_told_the_same(machine: Machine) -> None:
    assert machine.run().stdout == "nothing found that would keep Voxshard from running\n"
    machine.environ["VOXSHARD_WROKERS"] = "3"
    done = machine.run()
    assert done.returncode == 1
    assert "unknown_variables" in done.stdout and "unset VOXSHARD_WROKERS" in done.stdout


# --- faults of any machine ----------------------------------------------------------------------

Plant = Callable[[Machine], None]


def misspelt_variable(machine: Machine) -> None:
    machine.environ["VOXSHARD_WROKERS"] = "3"


def torn_config(machine: Machine) -> None:
    machine.flags["config"] = machine.file("voxshard.toml", "workers = ")


def impossible_setting(machine: Machine) -> None:
    machine.flags["workers"] = 0


def hotwords_that_are_not_there(machine: Machine) -> None:
    machine.flags["hotword-file"] = machine.folder / "none"


def torn_tenants(machine: Machine) -> None:
    machine.flags["tenants-file"] = machine.file("tenants.toml", "[tenants.acme]\nsteams = 1\n")


def secret_for_everybody(machine: Machine) -> None:
    machine.flags["tenants-file"] = machine.file("tenants.toml", _TOKENS, mode=0o644)


def tenants_file_that_hangs(machine: Machine) -> None:
    os.mkfifo(machine.folder / "tenants.toml")
    machine.flags["tenants-file"] = machine.folder / "tenants.toml"


def few_files(machine: Machine) -> None:
    machine.through = ["prlimit", "--nofile=128"]


def full_disk(machine: Machine) -> None:
    machine.mount("size=16k,mode=700")


def write_protected_run_folder(machine: Machine) -> None:
    machine.mount("ro,mode=700")


def run_folder_of_everybody(machine: Machine) -> None:
    machine.flags["run-dir"] = machine.folder / "run"
    (machine.folder / "run").mkdir(mode=0o755)


def engine_that_does_not_boot(machine: Machine) -> None:
    machine.environ["SCRIPTED_ENGINE_BOOT"] = "fail"


def engine_that_nobody_knows(machine: Machine) -> None:
    machine.flags["engine"] = "moonshne"


def port_beyond_the_last(machine: Machine) -> None:
    machine.flags["worker-ops-port"] = 65_535


def nothing_at_redis(machine: Machine) -> None:
    machine.environ["VOXSHARD_REDIS_URL"] = "redis://127.0.0.1:1"


FAULTS: Final[dict[Plant, str]] = {
    misspelt_variable: "unknown_variables",
    torn_config: "config_unreadable",
    impossible_setting: "settings_invalid",
    hotwords_that_are_not_there: "hotwords_unusable",
    torn_tenants: "tenants_unusable",
    secret_for_everybody: "tenants_exposed",
    few_files: "too_few_files",
    full_disk: "disk_full",
    write_protected_run_folder: "run_dir_unusable",
    run_folder_of_everybody: "run_dir_unusable",
    engine_that_does_not_boot: "engine_broken",
    engine_that_nobody_knows: "engine_broken",
    port_beyond_the_last: "port_unusable",
    nothing_at_redis: "redis_unreachable",
}


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_it_names_what_is_wrong(machine: Machine, plant: Plant) -> None:
    plant(machine)
    assert only(machine.examine()).cause == FAULTS[plant]


def test_it_names_who_has_a_port(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", int(machine.flags["port"]))):
        told = only(machine.examine())
    assert told.cause == "port_taken"
    assert f"port {machine.flags['port']} " in told.found and f"process {os.getpid()} " in told.found
    assert "--port" in told.do


def test_what_hangs_does_not_hang_the_doctor(machine: Machine) -> None:
    tenants_file_that_hangs(machine)
    began = time.monotonic()
    assert only(machine.examine()).cause == "probe_stuck"
    assert time.monotonic() - began < 15


# --- faults of Redis ----------------------------------------------------------------------------


def wrong_password(machine: Machine, redis: RedisServer) -> None:
    machine.environ["VOXSHARD_REDIS_URL"] = redis.url.replace(PASSWORD, "another")


def no_password(machine: Machine, redis: RedisServer) -> None:
    machine.environ["VOXSHARD_REDIS_URL"] = redis.url.replace(f":{PASSWORD}@", "")


def eviction(machine: Machine, redis: RedisServer) -> None:
    _configure(redis, "maxmemory-policy", "allkeys-lru")
    _configure(redis, "maxmemory", "100mb")


def replica(machine: Machine, redis: RedisServer) -> None:
    with Redis.from_url(redis.url) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")


def silence(machine: Machine, redis: RedisServer) -> None:
    redis.pause()


def _configure(redis: RedisServer, name: str, value: str) -> None:
    with Redis.from_url(redis.url) as client:
        client.config_set(name, value)


REDIS_FAULTS: Final[dict[Callable[[Machine, RedisServer], None], str]] = {
    wrong_password: "redis_password",
    no_password: "redis_password",
    eviction: "redis_evicts",
    replica: "redis_wrong_kind",
    silence: "redis_silent",
}


@pytest.mark.parametrize("plant", REDIS_FAULTS, ids=lambda plant: plant.__name__)
def test_it_names_what_is_wrong_with_redis(
    machine: Machine, plant: Callable[[Machine, RedisServer], None]
) -> None:
    with RedisServer() as redis:
        machine.environ["VOXSHARD_REDIS_URL"] = redis.url
        plant(machine, redis)
        report = machine.examine()
    assert only(report).cause == REDIS_FAULTS[plant]
    assert PASSWORD not in str(report)


@pytest.fixture
def web_server() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_it_sees_that_it_is_not_redis(machine: Machine, web_server: int) -> None:
    machine.environ["VOXSHARD_REDIS_URL"] = f"redis://127.0.0.1:{web_server}"
    assert only(machine.examine()).cause == "redis_wrong_kind"


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


def no_model(machine: Machine, gpu: PlantedGpu) -> None:
    machine.flags["model"] = machine.folder / "nothing"


def model_at_the_hub(machine: Machine, gpu: PlantedGpu) -> None:
    machine.flags["model"] = "FunAudioLLM/Fun-ASR-Nano-2512"


def half_a_model(machine: Machine, gpu: PlantedGpu) -> None:
    (gpu.model / "config.yaml").unlink()


def truncated_weights(machine: Machine, gpu: PlantedGpu) -> None:
    _cut(gpu.model / "model.pt")


def truncated_safetensors(machine: Machine, gpu: PlantedGpu) -> None:
    _cut(gpu.prepared / "language_model/model.safetensors")


def changed_model(machine: Machine, gpu: PlantedGpu) -> None:
    (gpu.model / "config.yaml").touch()


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


GPU_FAULTS: Final[dict[Callable[[Machine, PlantedGpu], None], str]] = {
    no_driver: "driver_missing",
    old_driver: "driver_too_old",
    another_torch: "versions_clash",
    torch_for_the_processor: "torch_without_cuda",
    old_vllm: "vllm_unsupported",
    second_card: "card_missing",
    card_in_use: "card_memory",
    other_process: "card_shared",
    exclusive_card: "compute_mode",
    dead_daemon: "mps_dead",
    stuck_daemon: "mps_dead",
    daemon_of_another_user: "mps_other_user",
    no_model: "model_missing",
    model_at_the_hub: "model_not_here",
    half_a_model: "model_incomplete",
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
