"""`make topology`: until Ctrl-C or SIGTERM. Takes the flags of `voxshard serve`, and those below."""

from __future__ import annotations

import signal
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, NoReturn

import typer

from cli.options import with_settings
from cli.serve import addresses
from cli.supervisor.errors import PortUnusable
from cli.supervisor.ports import check_ports, needed_ports
from common.settings import Settings
from deploy.topology.errors import TopologyError
from deploy.topology.plan import Plan, front_ports, make_plan
from deploy.topology.programs import programs
from deploy.topology.running import Running

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_LOOK_EVERY_S: Final = 0.5
_UNUSABLE: Final = 2


@with_settings
def topology(
    settings: Settings,
    prometheus_port: Annotated[int, typer.Option(help="where Prometheus answers")] = 9_090,
    scrape_seconds: Annotated[int, typer.Option(min=1, help="seconds between two scrapes")] = 5,
) -> None:
    """Run nginx, two gateways, two workers, Redis and Prometheus on this machine."""
    for number in _STOP_SIGNALS:
        signal.signal(number, _stop)
    with tempfile.TemporaryDirectory(prefix="voxshard-topology-") as folder:
        # Of an nginx that root starts the workers are nobody.
        Path(folder).chmod(0o755)
        plan = make_plan(settings, Path(folder), prometheus_port, scrape_seconds)
        try:
            _run(plan)
        except (PortUnusable, TopologyError) as error:
            typer.echo(f"topology: {error}", err=True)
            raise typer.Exit(_UNUSABLE) from error


def _run(plan: Plan) -> None:
    check_ports([*front_ports(plan), *needed_ports(plan.settings)])
    with Running(programs(plan)) as running:
        typer.echo("\n".join(_addresses(plan)))
        while True:
            running.check()
            time.sleep(_LOOK_EVERY_S)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    """Wherever it is by now; who says it twice has to wait all the same."""
    for told in _STOP_SIGNALS:
        signal.signal(told, signal.SIG_IGN)
    raise SystemExit


def _addresses(plan: Plan) -> list[str]:
    return [
        f"nginx live {plan.live_url}",
        f"nginx http {plan.http_url}",
        f"prometheus {plan.prometheus_url}",
        *addresses(plan.settings),
        f"logs {plan.folder}",
        "ready",
    ]


if __name__ == "__main__":
    typer.run(topology)
