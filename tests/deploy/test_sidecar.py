"""MPS in a container of its own: docker-compose takes the file, and its containers fit together."""

from __future__ import annotations

from typing import Final

import pytest
from typer.testing import CliRunner

from cli.main import app
from common.settings import PREFIX, Settings
from tests.deploy.compose_file import Service, config, seconds, written
from tests.deploy.programs import ROOT, run
from tests.deploy.stop_times import longest_stop_s
from worker.mps_control import PIPES_VARIABLE

SIDECAR: Final = ROOT / "deploy" / "mps" / "sidecar.yaml"
GIVEN: Final = {"VOXSHARD_IMAGE": "registry.example/voxshard:0.1.0-gpu", "VOXSHARD_MODEL": "/srv/model"}
INSTANCES: Final = ("first", "second")
DOCKERFILE: Final = ROOT / "deploy" / "docker" / "Dockerfile"


def services() -> dict[str, Service]:
    found: dict[str, Service] = config(SIDECAR, GIVEN)["services"]
    return found


def settings_of(service: Service) -> Settings:
    """As `voxshard serve` would read its command line. Raises AssertionError."""
    command, *flags = service["command"]
    assert command == "serve"
    shown = CliRunner(env={}).invoke(app, [command, *flags, "--print-settings"])
    assert shown.exit_code == 0, shown.stderr
    return Settings.model_validate_json(shown.stdout)


@pytest.mark.parametrize("name", GIVEN)
def test_nothing_starts_without_image_and_model(name: str) -> None:
    others = {each: value for each, value in GIVEN.items() if each != name}
    done = run("docker-compose", "-f", str(SIDECAR), "config", environ=others)
    assert done.returncode != 0
    assert name in done.stderr


def test_instances_share_with_the_daemon_what_its_clients_have_to() -> None:
    found = services()
    assert found.keys() == {"mps", *INSTANCES}
    daemon = found["mps"]
    assert daemon["ipc"] == "shareable"
    assert daemon["shm_size"] == written()["x-card"]["shm_size"], "as for an instance in one container"
    for service in (found[name] for name in INSTANCES):
        assert (service["ipc"], service["pid"]) == ("service:mps", "service:mps")
        assert service["depends_on"]["mps"]["condition"] == "service_healthy"
        assert service["image"] == daemon["image"] == GIVEN["VOXSHARD_IMAGE"]
        assert service["deploy"] == daemon["deploy"]
        assert service["environment"][PIPES_VARIABLE] == daemon["environment"][PIPES_VARIABLE]
        assert _pipes(service) == _pipes(daemon)


def _pipes(service: Service) -> str:
    """The volume that the folder of the pipes lies in."""
    folder = service["environment"][PIPES_VARIABLE]
    [name] = [name for name, target in _volumes(service) if folder.startswith(f"{target}/")]
    return name


def _volumes(service: Service) -> list[tuple[str, str]]:
    """Each with where it is mounted."""
    return [(name, target) for name, target, *_ in (each.split(":") for each in service["volumes"])]


def test_the_user_of_the_image_may_make_the_pipes() -> None:
    [volume] = config(SIDECAR, GIVEN)["volumes"].values()
    user, _, group = DOCKERFILE.read_text().partition("\nUSER ")[2].split()[0].partition(":")
    assert f"uid={user},gid={group}," in volume["driver_opts"]["o"]


def test_the_daemon_is_started_and_looked_at_by_commands_that_there_are() -> None:
    daemon = services()["mps"]
    told = {"command": daemon["command"], "healthcheck": daemon["healthcheck"]["test"][2:]}
    for command in told.values():
        done = CliRunner(env={}).invoke(app, [*command[:2], "--help"])
        assert (command[0], done.exit_code) == ("mps", 0)
        assert all(flag in done.stdout for flag in command[2:] if flag.startswith("--"))


@pytest.mark.parametrize("name", INSTANCES)
def test_instances_have_time_to_end(name: str) -> None:
    service = services()[name]
    assert seconds(service["stop_grace_period"]) > longest_stop_s(settings_of(service))


def test_instances_have_settings_that_they_start_with_and_ports_of_their_own() -> None:
    found = services()
    settings = {name: settings_of(found[name]) for name in INSTANCES}
    for name, each in settings.items():
        assert (each.mps, each.host, each.model) == ("on", "0.0.0.0", "/model")
        assert (GIVEN["VOXSHARD_MODEL"], each.model) in _volumes(found[name])
        assert [port["target"] for port in found[name]["ports"]] == [each.port]
        assert not [variable for variable in found[name]["environment"] if variable.startswith(PREFIX)]
    published = [port["published"] for name in INSTANCES for port in found[name]["ports"]]
    assert len(set(published)) == len(published)
