"""Every query of every dashboard has an answer once all that it is about has happened."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import signal
from collections.abc import Iterator
from typing import Any, Final

import pytest
from _pytest.mark.structures import ParameterSet
from websockets.exceptions import ConnectionClosed, InvalidStatus

from common.ops_client import fetch_json
from deploy.grafana.__main__ import FOLDER
from deploy.topology.plan import Plan
from tests.support.card_engine import ENGINE, with_fake_mps
from tests.support.gpu_host import gpu_host
from tests.support.processes import wait_until
from tests.support.prometheus import Prometheus
from tests.support.tenants import Tenants
from tests.support.topology import running_topology
from tests.support.wire import spoken, wire_client

SESSIONS: Final = 4
PROCESSES: Final = 6
_FRAME_S: Final = 0.1
_LABELS: Final = re.compile(r"{{(\w+)}}")


def queries() -> Iterator[ParameterSet]:
    """Expression and legend, as Grafana is given them."""
    for file in sorted(FOLDER.glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield pytest.param(
                    target["expr"],
                    target["legendFormat"],
                    id=f"{file.stem}-{panel['title']}-{target['refId']}",
                )


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    tenants = Tenants(tmp_path_factory.mktemp("tenants"))
    settings = {"engine": ENGINE, "mps": "on", "tenants_file": tenants.path, "max_speaking": 8}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", with_fake_mps()["PATH"])
        yield from _scraped(settings, tenants.keys)


def _scraped(settings: dict[str, Any], keys: dict[str, str]) -> Iterator[Prometheus]:
    with gpu_host() as card, running_topology(**settings) as plan:
        (plan.folder / "dcgm.json").write_text(json.dumps([{"targets": [card], "labels": {}}]))
        prometheus = Prometheus(plan.prometheus_url)
        wait_until(lambda: prometheus.all_up(PROCESSES), 15, "all are scraped")
        asyncio.run(_what_happens(plan, keys))
        ended = 'sum(asr_sessions_ended_total{outcome="stopped"})'
        wait_until(lambda: prometheus.value(ended) == SESSIONS + 1, 10, "the end of all sessions is scraped")
        yield prometheus


async def _what_happens(plan: Plan, keys: dict[str, str]) -> None:
    """Tenants speak, one has used up its quota, and one worker dies meanwhile."""
    async with asyncio.TaskGroup() as tasks:
        for _ in range(SESSIONS):
            tasks.create_task(_speaks(plan.live_url, keys["team"]))
        tasks.create_task(_speaks(plan.live_url, keys["small"]))
        await asyncio.sleep(3)
        # At the upgrade, or at START: it depends on the gateway.
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            await _speaks(plan.live_url, keys["small"])
        rows = await asyncio.to_thread(fetch_json, f"{plan.http_url}/workers", 5.0)
        os.kill(rows["workers"][0]["pid"], signal.SIGKILL)


async def _speaks(url: str, key: str) -> None:
    async with wire_client(url, {"Authorization": f"Bearer {key}"}) as client:
        await client.start()
        for _ in range(2):
            await client.send_audio(spoken(speech_ms=3_000, silence_ms=2_100), pause_s=_FRAME_S)
        await client.stop()


@pytest.mark.timeout(90)
@pytest.mark.parametrize(("expr", "legend"), list(queries()))
def test_it_has_an_answer(prometheus: Prometheus, expr: str, legend: str) -> None:
    found = prometheus.over(expr.replace("$__rate_interval", "8s"), seconds=20)
    assert any(math.isfinite(value) for series in found for value in series.values), found
    for series in found:
        assert set(_LABELS.findall(legend)) <= series.labels.keys(), series.labels


@pytest.mark.timeout(90)
def test_what_is_shown_of_mps_comes_from_workers_and_their_supervisor(prometheus: Prometheus) -> None:
    """Not from the stand-in for a GPU host, which plays what no machine without a card has."""
    assert prometheus.value('sum(asr_mps_attached{job="voxshard", process="worker"})') == 2
    assert prometheus.value('asr_mps_daemon{job="voxshard", process="supervisor", state="running"}') == 1
