"""`voxshard doctor` on machines on which one thing is wrong: it names that one, and nothing else."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support.doctor_machine import Machine, Report, machine_in, only
from tests.support.processes import MOONSHINE, SCRIPTED
from tests.support.redis_server import RedisServer

_TOKENS: Final = "[tokens]\naudience='x'\n[[tokens.keys]]\nkid='a'\nalgorithm='HS256'\nkey='%s'\n" % (
    "s" * 32
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return machine_in(tmp_path)


# --- nothing is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [SCRIPTED, MOONSHINE])
def test_on_a_healthy_machine_there_is_nothing_to_tell(
    machine: Machine, engine: str, redis: RedisServer
) -> None:
    machine.flags["engine"] = engine
    machine.environ["VOXSHARD_REDIS_URL"] = redis.url
    assert machine.examine() == Report(ok=True, findings=[])


def test_people_are_told_the_same(machine: Machine) -> None:
    assert machine.run("doctor").stdout == "nothing found that would keep Voxshard from running\n"
    machine.environ["VOXSHARD_WROKERS"] = "3"
    done = machine.run("doctor")
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


def run_folder_too_deep_for_sockets(machine: Machine) -> None:
    machine.flags["run-dir"] = machine.folder / ("d" * 88)


def one_port_for_two(machine: Machine) -> None:
    machine.flags |= {"host": "0.0.0.0", "http-port": machine.flags["port"]}


def engine_that_does_not_boot(machine: Machine) -> None:
    machine.environ["SCRIPTED_ENGINE_BOOT"] = "fail"


def engine_that_nobody_knows(machine: Machine) -> None:
    machine.flags["engine"] = "moonshne"


def port_beyond_the_last(machine: Machine) -> None:
    machine.flags["worker-ops-port"] = 65_535


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
    run_folder_too_deep_for_sockets: "run_dir_unusable",
    one_port_for_two: "port_unusable",
    engine_that_does_not_boot: "engine_broken",
    engine_that_nobody_knows: "engine_broken",
    port_beyond_the_last: "port_unusable",
}


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_it_names_what_is_wrong(machine: Machine, plant: Plant) -> None:
    plant(machine)
    assert only(machine.examine()).cause == FAULTS[plant]


def test_it_leaves_the_folder_for_temporary_files_to_everybody(machine: Machine) -> None:
    machine.environ["TMPDIR"] = str(machine.folder)
    machine.through = ["prlimit", "--fsize=1024"]
    told = only(machine.examine())
    assert (told.cause, told.do) == ("run_dir_unusable", "choose another folder with --run-dir")


def test_it_names_who_has_a_port(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", int(machine.flags["port"]))):
        told = only(machine.examine())
    assert told.cause == "port_taken"
    assert f"port {machine.flags['port']} " in told.found and f"process {os.getpid()} " in told.found
    assert "--port" in told.do


def test_it_names_who_has_a_port_of_ipv6(machine: Machine) -> None:
    machine.flags["host"] = "::1"
    with socket.create_server(("::1", int(machine.flags["port"])), family=socket.AF_INET6):
        told = only(machine.examine())
    assert told.found.startswith(f"port {machine.flags['port']} on ::1 is taken by process {os.getpid()} ")
    assert told.do.startswith("stop what listens there, or choose another with --port; ")


def test_what_hangs_does_not_hang_the_doctor(machine: Machine) -> None:
    tenants_file_that_hangs(machine)
    assert only(machine.examine()).cause == "probe_stuck"
