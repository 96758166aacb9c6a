from __future__ import annotations

from typing import Any

import pytest

from cli.doctor.checks.host import (
    GIB,
    FolderFacts,
    HostFacts,
    PortFacts,
    PortRefused,
    check_folders,
    check_host,
    check_ports,
    files_needed,
    memory_needed,
)
from cli.doctor.finding import Cause
from common.settings import Settings, load_settings


def settings(**flags: Any) -> Settings:
    return load_settings(flags, {})


SETTINGS = settings()


def test_a_taken_port_is_told_with_its_holder_and_the_flag_that_moves_it() -> None:
    refused = PortRefused(
        8899, "port 8899 on ::1 is taken", "stop it, or change --http-port", True, "process 7"
    )
    [told] = check_ports(SETTINGS, PortFacts((refused,)))
    assert told.cause is Cause.PORT_TAKEN
    assert told.found == "port 8899 on ::1 is taken by process 7"
    assert told.do == "stop it, or change --http-port; who has it: ss -ltnp sport = :8899"


def test_whose_port_cannot_be_seen_says_how_it_can() -> None:
    [told] = check_ports(SETTINGS, PortFacts((PortRefused(80, "port 80 is taken", "stop it", taken=True),)))
    assert "as root" in told.found


def test_a_port_that_cannot_be_had_is_another_fault_than_a_taken_one() -> None:
    refused = PortRefused(70_000, "port 70000 does not exist", "choose a lower --port", taken=False)
    [told] = check_ports(SETTINGS, PortFacts((refused,)))
    assert told.cause is Cause.PORT_UNUSABLE
    assert (told.found, told.do) == ("port 70000 does not exist", "choose a lower --port")


@pytest.mark.parametrize(
    ("facts", "causes"),
    [
        (FolderFacts("/run/x"), []),
        (FolderFacts("/run/x", "another supervisor uses it", "stop it"), [Cause.RUN_DIR_UNUSABLE]),
        (FolderFacts("/run/x", "/run/x: No space left on device", full=True), [Cause.DISK_FULL]),
    ],
)
def test_folders(facts: FolderFacts, causes: list[Cause]) -> None:
    assert [told.cause for told in check_folders(SETTINGS, facts)] == causes


ENOUGH = HostFacts(files=65_536, available=64 * GIB, shared_free=GIB)


def test_a_host_with_enough_of_everything_is_well() -> None:
    assert list(check_host(SETTINGS, ENOUGH)) == []


def test_files_are_counted_for_the_clients_that_are_to_be_expected() -> None:
    assert files_needed(SETTINGS) == 502
    assert files_needed(settings(max_speaking=1000, workers=3)) == 6103
    [told] = check_host(SETTINGS, HostFacts(files=202, available=64 * GIB))
    assert told.cause is Cause.TOO_FEW_FILES
    assert "about 100 connections" in told.means


def test_memory_is_that_of_all_processes() -> None:
    assert memory_needed(settings(workers=2, gateways=1)) < GIB
    [told] = check_host(settings(engine="fun-asr-nano", workers=4), HostFacts(65_536, 8 * GIB))
    assert told.cause is Cause.TOO_LITTLE_MEMORY
    assert "16.2 GiB" in told.means


@pytest.mark.parametrize(
    ("engine", "causes"), [("moonshine", []), ("fun-asr-nano", ["too_little_shared_memory"])]
)
def test_only_vllm_needs_shared_memory(engine: str, causes: list[str]) -> None:
    facts = HostFacts(65_536, 64 * GIB, shared_free=64 * 2**20)
    assert [told.cause.value for told in check_host(settings(engine=engine), facts)] == causes


def test_where_there_is_no_shared_memory_to_be_seen_nothing_is_said() -> None:
    assert list(check_host(settings(engine="fun-asr-nano"), HostFacts(65_536, 64 * GIB))) == []
