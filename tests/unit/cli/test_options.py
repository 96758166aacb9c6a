from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.options import with_settings
from common.settings import Settings


def run(*arguments: str, **environ: str) -> Result:
    """A command that prints three of its settings and its own flag."""
    app = typer.Typer()

    @app.command()
    @with_settings
    def show(settings: Settings, index: Annotated[int, typer.Option(min=0)] = 4) -> None:
        """Show what was given."""
        typer.echo(f"{settings.workers} {settings.language} {settings.run_dir} {index}")

    return CliRunner(env=environ).invoke(app, arguments)


def test_every_setting_is_a_flag() -> None:
    text = run("--help", COLUMNS="200").stdout
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')} " in text


def test_flags_come_before_variables_before_defaults() -> None:
    result = run("--workers", "3", "--run-dir", "/run/x", VOXSHARD_WORKERS="9", VOXSHARD_LANGUAGE="en")
    assert result.stdout == "3 en /run/x 4\n"


def test_flags_of_the_command_itself_are_handed_on() -> None:
    assert run("--index", "2").stdout == "2 None None 2\n"


def test_config_file_comes_behind_flags(tmp_path: Path) -> None:
    file = tmp_path / "voxshard.toml"
    file.write_text('workers = 5\nlanguage = "de"\n')
    assert run("--config", str(file), "--workers", "6").stdout == "6 de None 4\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--workers", "0"], "workers"), (["--log-level", "loud"], "log_level"), (["--index", "-1"], "--index")],
)
def test_bad_value_is_refused_by_name_with_exit_code_2(arguments: list[str], named: str) -> None:
    result = run(*arguments, COLUMNS="200")
    assert result.exit_code == 2
    assert named in result.stderr


def test_a_setting_that_cannot_be_used_is_told_in_one_line(tmp_path: Path) -> None:
    told = "voxshard: device: 'gpu0' is no device: auto, cpu, cuda, or cuda:N with N from 0 to 99\n"
    file = tmp_path / "voxshard.toml"
    file.write_text('device = "gpu0"\n')
    for result in (run("--device", "gpu0"), run(VOXSHARD_DEVICE="gpu0"), run("--config", str(file))):
        assert (result.exit_code, result.stdout, result.stderr) == (2, "", told)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--workers", "two"),
        ("--port", "70000"),
        ("--max-session", "inf"),
        ("--workers", "1.5"),
        ("--mps", "yes"),
    ],
)
def test_a_flag_is_read_as_its_variable_is(flag: str, value: str) -> None:
    variable = f"VOXSHARD_{flag.removeprefix('--').replace('-', '_').upper()}"
    given, set_as = run(flag, value), run(**{variable: value})
    assert (given.exit_code, given.stderr) == (set_as.exit_code, set_as.stderr)
    assert given.exit_code == 2 and len(given.stderr.splitlines()) == 1


def test_print_settings_prints_all_and_runs_nothing() -> None:
    shown = json.loads(run("--print-settings", "--workers", "3").stdout)
    assert shown["workers"] == 3
    assert set(shown) == set(Settings.model_fields)
