"""compose.yaml, and with it compose.tls.yaml, is taken by docker-compose and agrees with what it starts."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final

import pytest
import yaml

from common.settings import Settings
from tests.deploy.compose_file import (
    COMPOSE,
    GIVEN,
    INSTANCES,
    TLS,
    Service,
    address_of,
    seconds,
    settings_of,
    started_by,
    understood,
    written,
)
from tests.deploy.programs import ROOT, program, run
from tests.deploy.stop_times import longest_stop_s
from tests.support.certificate import make_certificate

AROUND: Final = {"grafana", "nginx", "nginx-config", "prometheus", "redis"}
EXPORTER: Final = "dcgm-exporter"
DEFAULTS: Final = Settings()
_PINNED: Final = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")
_SECRET: Final = re.compile("PASSWORD|AUTH|SECRET|TOKEN|KEY|REDIS_URL")
_SERVER: Final = re.compile(r"server ([\d.]+:\d+) ")


@pytest.mark.parametrize(
    ("profile", "services"),
    [("cpu", {"cpu"} | AROUND), ("gpu", {"card0", EXPORTER} | AROUND), ("second-card", {"card1", "redis"})],
)
def test_a_profile_starts_what_it_says(profile: str, services: set[str]) -> None:
    assert started_by(profile) == services


def test_commands_may_name_a_service_alone() -> None:
    """`docker compose stop card1` knows what is in the profiles of card1, and no service besides."""
    services = understood()
    for name, service in services.items():
        for needed in service.get("depends_on", {}):
            assert set(service["profiles"]) <= set(services[needed]["profiles"]), name


@pytest.mark.parametrize("name", GIVEN)
def test_nothing_starts_without_its_passwords(name: str) -> None:
    others = {each: value for each, value in GIVEN.items() if each != name}
    done = run("docker-compose", "-f", str(COMPOSE), "config", environ=others)
    assert done.returncode != 0
    assert "set it in .env" in done.stderr


def test_secrets_are_those_of_the_operator_alone() -> None:
    for service in written()["services"].values():
        for name, value in service.get("environment", {}).items():
            assert not _SECRET.search(name) or "${" in value, name


@pytest.mark.parametrize("name", INSTANCES)
def test_an_instance_has_settings_that_it_starts_with_and_time_to_drain(name: str) -> None:
    service = understood()[name]
    settings = settings_of(service)
    assert settings.redis_url == "redis://:4711@redis:6379/0"
    assert settings.trusted_proxies == address_of(understood()["nginx"])
    assert seconds(service["stop_grace_period"]) > longest_stop_s(settings)
    # Proxies, Prometheus and the health check of the image ask these.
    assert settings.proxied and settings.gateways == 2
    assert {settings.host, settings.http_host, settings.ops_host} == {"0.0.0.0"}
    assert settings.supervisor_ops_port == DEFAULTS.supervisor_ops_port
    assert settings.gateway_ops_port == DEFAULTS.gateway_ops_port


@pytest.mark.parametrize("name", [*INSTANCES, "nginx"])
def test_there_are_as_many_files_as_under_systemd(name: str) -> None:
    """A connection is one, or two in nginx."""
    unit = (ROOT / "deploy" / "systemd" / "voxshard@.service").read_text()
    [most] = re.findall(r"^LimitNOFILE=(\d+)$", unit, re.MULTILINE)
    assert understood()[name]["ulimits"]["nofile"] == {"soft": int(most), "hard": int(most)}


def test_cards_differ_in_what_they_may_not_share() -> None:
    services = understood(CARD0_CORES="0-15", CARD1_CORES="16-31")
    one, other = services["card0"], services["card1"]
    differing = {key for key in one if one[key] != other[key]}
    assert differing == {"cpuset", "deploy", "networks", "profiles", "volumes"}
    assert settings_of(one) == settings_of(other)


@pytest.mark.parametrize(("numbers", "instances"), [("10", ["card0"]), ("10 11", ["card0", "card1"])])
def test_nginx_is_told_of_the_gateways_that_there_are(
    numbers: str, instances: list[str], tmp_path: Path
) -> None:
    services = understood(INSTANCES=numbers)
    text = written_for_nginx(services, tmp_path)
    ports = [
        f"{address_of(services[each])}:{port}"
        for each in instances
        for number in range(2)
        for settings in [settings_of(services[each])]
        for port in (settings.live_port(number), settings.http_port_of(number))
    ]
    assert sorted(_SERVER.findall(text)) == sorted(ports)
    assert "allow 10.84.213.0/24;" in text


def test_with_tls_nginx_has_the_certificate_of_the_operator_and_no_port_without_it(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    tls = make_certificate(folder).tls
    tls.certificate.rename(folder / "chain.pem")
    services = understood(TLS, TLS_DIR=str(folder), NGINX_FLAGS="--max-upload-mib 9")
    assert f"{folder}:/tls:ro" in services["nginx"]["volumes"]
    text = written_for_nginx(services, tmp_path, folder)
    listening = re.findall(r"^ *listen (.*);$", text, re.MULTILINE)
    assert listening and all(each.endswith(" ssl") for each in listening)
    assert "client_max_body_size 9m;" in text
    assert services["nginx"]["healthcheck"]["test"][-1] == f"https://127.0.0.1:{DEFAULTS.http_port}/readyz"


def test_there_is_no_tls_without_a_folder_of_the_operator() -> None:
    done = run("docker-compose", "-f", str(COMPOSE), "-f", str(TLS), "config", environ=GIVEN)
    assert done.returncode != 0
    assert "set it in .env" in done.stderr


def test_flags_that_cannot_be_used_leave_nginx_what_it_has(tmp_path: Path) -> None:
    before = "of the last time"
    (tmp_path / "nginx.conf").write_text(before)
    done = run_job(understood(NGINX_FLAGS="--max-upload-mib many"), tmp_path)
    assert done.returncode != 0
    assert (tmp_path / "nginx.conf").read_text() == before


def run_job(services: dict[str, Service], folder: Path) -> CompletedProcess[str]:
    """`folder` is /nginx there."""
    job = services["nginx-config"]
    [script] = job["command"]
    path = os.pathsep.join([str(Path(program("voxshard")).parent), os.environ["PATH"]])
    return run(
        *job["entrypoint"],
        script.replace("$$", "$").replace("/nginx/", f"{folder}/"),
        environ={**job["environment"], "PATH": path},
    )


def written_for_nginx(services: dict[str, Service], folder: Path, tls: Path | None = None) -> str:
    """What the job gives nginx, which takes it; `tls`: the folder that is /tls there."""
    nginx = services["nginx"]
    config = folder / "nginx.conf"
    done = run_job(services, folder)
    assert done.returncode == 0, done.stderr
    if tls is not None:
        config.write_text(config.read_text().replace("/tls/", f"{tls}/"))
    assert "/nginx/nginx.conf" in nginx["command"]
    told = nginx["command"][-1].replace("/tmp", str(folder))
    checked = run("nginx", "-t", "-c", str(config), "-g", told)
    assert checked.returncode == 0, checked.stderr
    return config.read_text()


def test_only_clients_come_from_outside() -> None:
    published = [port for service in understood().values() for port in service.get("ports", [])]
    everywhere = [port for port in published if not str(port).startswith("127.0.0.1:")]
    assert everywhere == [{"published": DEFAULTS.port, "target": DEFAULTS.port}]
    assert f"127.0.0.1:{DEFAULTS.http_port}:{DEFAULTS.http_port}/tcp" in published


def test_every_container_is_held_to_what_it_needs() -> None:
    for name, service in understood().items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_images_are_pinned_or_built_here() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name, service in understood().items():
        if "build" in service:
            assert service["image"] == f"voxshard:{version}-{service['build']['target']}"
        else:
            assert _PINNED.fullmatch(service["image"]), name


def test_what_is_mounted_is_there() -> None:
    for service in written()["services"].values():
        for source in (volume.split(":")[0] for volume in service.get("volumes", [])):
            assert not source.startswith("./") or (ROOT / source).exists(), source


def test_prometheus_is_configured_as_elsewhere() -> None:
    here, elsewhere = (
        yaml.safe_load((ROOT / "deploy" / folder / "prometheus.yml").read_text())
        for folder in ("docker", "prometheus")
    )
    places = [
        config.pop("http_sd_configs")
        for config in (here["scrape_configs"][0], elsewhere["scrape_configs"][0])
    ]
    hosts = [[place["url"].replace("//gateways:", "//127.0.0.1:") for place in each] for each in places]
    assert hosts[0] == hosts[1]
    [found] = here["scrape_configs"][1].pop("dns_sd_configs")
    assert set(found["names"]) <= understood().keys()
    assert elsewhere["scrape_configs"][1].pop("file_sd_configs")
    assert here == elsewhere


def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy" / "prometheus" / "rules", tmp_path / "rules")
    shutil.copy(ROOT / "deploy" / "docker" / "prometheus.yml", tmp_path)
    checked = run("promtool", "check", "config", str(tmp_path / "prometheus.yml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_exporter_sees_every_card_and_is_seen_by_nobody_outside() -> None:
    exporter = written()["services"][EXPORTER]
    [devices] = exporter["deploy"]["resources"]["reservations"]["devices"]
    assert (devices["driver"], devices["count"], devices["capabilities"]) == ("nvidia", "all", ["gpu"])
    assert "ports" not in exporter
