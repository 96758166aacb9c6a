"""systemd takes the units, and they agree with the settings of what they start."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from cli.supervisor.mps_daemon import LOGS_VARIABLE
from cli.supervisor.ports import needed_ports
from cli.supervisor.watchdog import told_every_s
from common.addresses import http_url
from common.settings import Settings, load_settings
from tests.deploy.programs import ROOT, program, run
from tests.deploy.stop_times import longest_stop_s
from worker.mps_control import PIPES_VARIABLE

UNITS: Final = ROOT / "deploy" / "systemd"
SERVICES: Final = ("voxshard", "voxshard-mps")
# Of 100; what cards and compiled kernels need is in it.
MOST_EXPOSED: Final = "40"


def service(name: str) -> dict[str, list[str]]:
    """Its section [Service]; a key may come more than once."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in (UNITS / f"{name}@.service").read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def instance(number: int) -> Settings:
    """As the process of the unit would read the files and variables that it is given."""
    lines = [
        line.replace("%i", str(number))
        # What is in a file wins.
        for source in (*service("voxshard")["Environment"], *files_of(number))
        for line in source.splitlines()
        if line.startswith("VOXSHARD_")
    ]
    variables = dict(line.split("=", 1) for line in lines)
    return load_settings({"advertise_host": "10.0.0.2"}, variables)


def files_of(number: int) -> list[str]:
    """Texts of the example files that the unit names, in its order."""
    names = [
        Path(name.removeprefix("-").replace("%i", str(number))).name
        for name in service("voxshard")["EnvironmentFile"]
    ]
    return [(UNITS / name).read_text() for name in names]


@pytest.mark.parametrize("name", SERVICES)
def test_systemd_has_nothing_to_say(name: str, tmp_path: Path) -> None:
    [command] = service(name)["ExecStart"]
    installed = (UNITS / f"{name}@.service").read_text().replace(command.split()[0], program("true"))
    unit = tmp_path / f"{name}@0.service"
    unit.write_text(installed)
    verified = run("systemd-analyze", "verify", "--man=no", str(unit))
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    exposed = run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit))
    assert exposed.returncode == 0, exposed.stdout


def test_the_unit_starts_serve_and_waits_for_its_word_and_for_its_end() -> None:
    unit, settings = service("voxshard"), instance(0)
    assert unit["ExecStart"] == ["/opt/voxshard/bin/voxshard serve"]
    assert (unit["Type"], unit["NotifyAccess"]) == (["notify"], ["main"])
    # SIGTERM is for the supervisor alone.
    assert unit["KillMode"] == ["mixed"]
    assert int(unit["TimeoutStopSec"][0]) > longest_stop_s(settings)


def test_systemd_ends_a_supervisor_that_hangs_and_starts_it_again() -> None:
    unit = service("voxshard")
    [seconds] = unit["WatchdogSec"]
    # As systemd would tell it, with seconds to spare for a machine that has others to serve.
    assert told_every_s({"WATCHDOG_USEC": f"{seconds}000000"}, 1) >= 10
    assert unit["NotifyAccess"] == ["main"], "no child may speak for it"
    assert unit["Restart"] == ["on-failure"], "which a watchdog that was not fed is"


def test_systemd_tries_again_whatever_the_exit_code_was() -> None:
    """2 may be wrong settings; it may also be a name server or a driver that comes up after the unit."""
    unit = service("voxshard")
    assert not {"RestartPreventExitStatus", "SuccessExitStatus"} & unit.keys()
    # A unit that starts more than five times within ten seconds is given up.
    assert int(unit["RestartSec"][0]) > 10 / 5


@pytest.mark.parametrize("number", [0, 1])
def test_a_reload_asks_the_supervisor_of_this_instance(number: int) -> None:
    [command] = service("voxshard")["ExecReload"]
    settings = instance(number)
    told = command.replace("${VOXSHARD_OPS_HOST}", settings.ops_host).replace(
        "${VOXSHARD_SUPERVISOR_OPS_PORT}", str(settings.supervisor_ops_port)
    )
    url = http_url(settings.ops_host, settings.supervisor_ops_port)
    assert told == f"/opt/voxshard/bin/voxshard reload --supervisor {url}"


def test_the_daemon_of_a_card_calls_the_cards_what_its_clients_call_them() -> None:
    """A worker on cuda:1 would find no card 1 at a daemon that sees one card alone."""
    variables = {line.split("=", 1)[0] for line in service("voxshard-mps")["Environment"]}
    assert variables == {PIPES_VARIABLE, LOGS_VARIABLE}


def test_the_run_folder_is_one_that_systemd_makes_for_the_user_alone() -> None:
    unit = service("voxshard")
    [folder] = unit["RuntimeDirectory"]
    assert instance(1).run_dir == Path("/run", folder.replace("%i", "1"))
    assert unit["RuntimeDirectoryMode"] == ["0700"]


def test_two_instances_of_a_host_share_no_port_and_no_card() -> None:
    one, other = instance(0), instance(1)
    ports = [{needed.port for needed in needed_ports(settings)} for settings in (one, other)]
    assert not ports[0] & ports[1]
    assert (one.device, other.device) == ("cuda:0", "cuda:1")
    assert one.redis_url == other.redis_url is not None
    assert one.live_port(0) == Settings().gateway_port, "the first has the ports that are the defaults"


@pytest.mark.parametrize("number", [0, 1])
def test_the_page_tells_nginx_of_all_gateways_of_the_host(number: int) -> None:
    settings = instance(number)
    page = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    for gateway in range(settings.gateways):
        assert f"127.0.0.1:{settings.live_port(gateway)}:{settings.http_port_of(gateway)}`" in page


def test_both_daemons_run_as_the_user_that_sysusers_makes(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = run("systemd-sysusers", f"--root={tmp_path}", str(UNITS / "voxshard.conf"))
    assert made.returncode == 0, made.stderr
    users = {line.split(":")[0] for line in (tmp_path / "etc" / "passwd").read_text().splitlines()}
    assert {*service("voxshard")["User"], *service("voxshard-mps")["User"]} <= users
