"""The Dockerfile is sound, and what it builds is what pyproject.toml asks for."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from prometheus_client import CollectorRegistry

from cli.supervisor.ends import EndBook
from cli.supervisor.metrics import SupervisorMetrics
from cli.supervisor.ops import routes
from cli.supervisor.supervisor import Supervisor
from common.clock import MonotonicClock
from common.loop_health import LoopHealth
from common.settings import Settings
from deploy.docker.pins import pins
from tests.deploy.programs import ROOT, run

DOCKERFILE: Final = ROOT / "deploy" / "docker" / "Dockerfile"
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEFAULTS: Final = Settings()

Stage = list[tuple[str, str]]


def stages() -> dict[str, Stage]:
    """Instructions by stage, each with its arguments; the first is its FROM."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, Stage] = {}
    for line in text.splitlines():
        instruction, _, arguments = line.strip().partition(" ")
        if instruction == "FROM":
            base, _, name = arguments.partition(" AS ")
            found[name] = [("FROM", base)]
        elif instruction:
            found[name].append((instruction, arguments))
    return found


def built(target: str) -> Stage:
    """All instructions that this image is the outcome of, the base's first."""
    stage = stages()[target]
    base = stage[0][1]
    return [*(built(base) if base in stages() else []), *stage]


def last(target: str, instruction: str) -> str:
    return [arguments for name, arguments in built(target) if name == instruction][-1]


def test_hadolint_finds_nothing() -> None:
    done = run("hadolint", str(DOCKERFILE))
    assert (done.returncode, done.stdout) == (0, "")


def test_bases_are_pinned() -> None:
    bases = {stage[0][1] for stage in stages().values()} - stages().keys()
    assert bases
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base) for base in bases)


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_an_image_runs_as_nobody_and_tells_how_it_is(target: str) -> None:
    assert int(last(target, "USER").split(":")[0]) > 0
    assert last(target, "ENTRYPOINT") == '["tini", "--", "voxshard"]'
    assert last(target, "EXPOSE").split() == [str(DEFAULTS.port), str(DEFAULTS.http_port)]
    metrics = SupervisorMetrics(CollectorRegistry())
    paths = routes(Supervisor([], lambda: None), metrics, EndBook(), LoopHealth(MonotonicClock()))
    asked = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", last(target, "HEALTHCHECK"))
    assert asked is not None
    assert int(asked[1]) == DEFAULTS.supervisor_ops_port
    assert asked[2] in paths


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_no_process_has_to_compile_python_modules(target: str) -> None:
    """pip does it for packages; the base comes without the bytecode of Python's own modules."""
    instructions = built(target)
    version = re.match(r"python:(\d+\.\d+)", instructions[0][1])
    assert version is not None
    compiled = ("RUN", f"python -m compileall -q /usr/local/lib/python{version[1]}")
    before = instructions[: instructions.index(compiled)]
    assert "USER" not in {name for name, _ in before}, "only root may write there"
    assert not any("PYTHONDONTWRITEBYTECODE" in arguments for _, arguments in instructions)


def test_what_is_copied_is_there_and_sent_to_the_builder() -> None:
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        source
        for stage in stages().values()
        for name, arguments in stage
        if name == "COPY" and not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert any(each == source or each.startswith(f"{source}/") for each in sent), source


@pytest.mark.parametrize(
    ("file", "extras"), [("cpu", ("server", "cpu", "otel")), ("gpu", ("server", "gpu", "otel"))]
)
def test_every_package_has_a_version_that_fits(file: str, extras: tuple[str, ...]) -> None:
    lines = (ROOT / "deploy" / "docker" / f"{file}.txt").read_text().split()
    pinned = {
        canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)
    }
    optional = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *(each for extra in extras for each in optional[extra])]
    for requirement in map(Requirement, asked):
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"make {file}.txt anew (pins.py): {requirement}"
    install = last(f"install-{file}", "RUN")
    assert f"--constraint deploy/docker/{file}.txt" in install
    assert f"[{','.join(extras)}]" in install


def test_pins_are_the_packages_of_a_report_without_this_project() -> None:
    def package(name: str, version: str, **info: object) -> dict[str, object]:
        return {"metadata": {"name": name, "version": version}, "download_info": {"url": "", **info}}

    report = {
        "install": [package("Redis", "8.1"), package("voxshard", "0.1.0", dir_info={}), package("av", "14")]
    }
    assert pins(report) == ["av==14", "redis==8.1"]


def test_what_is_built_brings_all_that_it_needs(tmp_path: Path) -> None:
    """As the Dockerfile does it: a wheel, from the files that are copied, installed."""
    wheels, installed = str(tmp_path / "wheels"), str(tmp_path / "installed")
    pip = (sys.executable, "-m", "pip")
    made = run(*pip, "wheel", "--no-deps", "--wheel-dir", wheels, ".")
    assert made.returncode == 0, made.stderr
    [wheel] = Path(wheels).iterdir()
    put = run(*pip, "install", "--no-deps", "--target", installed, str(wheel))
    assert put.returncode == 0, put.stderr
    shown = run(
        sys.executable,
        "-P",
        "-c",
        "import cli, sys; from cli.main import main; print(cli.__file__); main()",
        "nginx-config",
        environ={"PYTHONPATH": installed},
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(installed)
    assert "upstream" in shown.stdout
