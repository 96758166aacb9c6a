"""Settings that change under a live session: it goes on as it was, and those that come have the new ones."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.processes import Deployment, Plan
from tests.support.wire import WireClient, eventually, in_loop, spoken, whole_session, wire_client

pytestmark = pytest.mark.timeout(120)

TURN = spoken(speech_ms=1_300, silence_ms=900)


@dataclass
class Site:
    deployment: Deployment
    config: Path

    async def reload(self, text: str) -> subprocess.CompletedProcess[str]:
        self.config.write_text(text)
        voxshard = Path(sys.executable).with_name("voxshard")
        argv = [str(voxshard), "reload", "--supervisor", self.deployment.supervisor_url]
        return await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=20)

    async def taken_over(self, times: int) -> None:
        """By every worker and gateway."""
        count = times * (self.deployment.plan.workers + self.deployment.plan.gateways)
        await eventually(
            lambda: self.deployment.logs.count("settings taken over") == count, 10, "all have the settings"
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    config = tmp_path / "voxshard.toml"
    config.write_text('language = "en"\n')
    with Deployment(Plan(workers=2, flags=("--config", str(config)))) as deployment:
        yield Site(deployment, config)


@in_loop
async def test_a_live_session_goes_on_and_new_ones_have_the_new_settings(site: Site) -> None:
    url = site.deployment.url
    undisturbed = await whole_session(url, TURN * 2, pause_s=0.02)
    async with wire_client(url) as client:
        await client.start()
        await client.send_audio(TURN, pause_s=0.02)
        done = await site.reload(
            'language = "en"\nmax_speaking = 1\nidle_timeout = 1.0\nlog_level = "info,worker-1=debug"\n'
            "partial_interval_ms = 700\nboot_timeout = 200.0\n"
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            "in force now: log_level, max_speaking, idle_timeout",
            "in force after `voxshard rolling-restart --gateways`: partial_interval_ms",
            "in force after a new start of `voxshard serve`: boot_timeout",
        ]
        await site.taken_over(1)
        await _idle_for_longer_than_the_new_limit(url)
        await client.send_audio(TURN, pause_s=0.02)
        final = await client.stop()
    assert final["sentences"] == undisturbed.final["sentences"]
    children = await asyncio.to_thread(site.deployment.children)
    assert {child.restarts for child in children.values()} == {0}
    await eventually(lambda: _reported(site.deployment) == 0, 10, "its worker says that it is over")
    await _one_session_a_worker(url)


def _reported(deployment: Deployment) -> int:
    """Sessions that the gateway believes workers to have."""
    return sum(worker.sessions for worker in deployment.rows().workers)


def _is_back(deployment: Deployment, name: str) -> bool:
    child = deployment.children()[name]
    return child.restarts == 1 and child.state == "ready"


async def _idle_for_longer_than_the_new_limit(url: str) -> None:
    """The new connection ends by it; the one that was there before is silent for as long."""
    async with wire_client(url) as late:
        await late.start()
        assert await late.closed() == 4408


async def _one_session_a_worker(url: str) -> None:
    async with wire_client(url) as one, wire_client(url) as two, wire_client(url) as three:
        assert {await _worker(one), await _worker(two)} == {"0", "1"}
        await three.send("START")
        assert (await three.error())["code"] == "overloaded"


async def _worker(client: WireClient) -> str:
    return str((await client.start())["worker"])


@in_loop
async def test_settings_that_cannot_be_used_change_nothing(site: Site) -> None:
    async with wire_client(site.deployment.url) as client:
        await client.start()
        done = await site.reload("max_speaking = 1\nlanguage = 'en'\nhotword_file = '/none'\n")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("voxshard: nothing is changed: hotword_file: /none: ")
        await client.send_audio(TURN)
        assert len((await client.stop())["sentences"]) == 1
    assert "settings not reloaded, the former ones stay" in site.deployment.logs
    # The next one is compared with what is in force, not with what was refused.
    done = await site.reload("language = 'en'\n")
    assert done.stdout == "no setting has changed; the files that they name were read again\n"


@in_loop
async def test_a_process_that_is_started_anew_has_what_could_not_change_before(site: Site) -> None:
    await site.reload("language = 'en'\nlog_level = 'debug'\npartial_interval_ms = 100\n")
    await site.taken_over(1)
    site.deployment.kill("worker-0")
    await eventually(lambda: _is_back(site.deployment, "worker-0"), 20, "it was started again")
    # Taken in by its start: there was nothing to be taken over.
    assert site.deployment.logs.count("settings taken over") == 3
    before = (await whole_session(site.deployment.url, TURN, pause_s=0.1)).messages
    assert len(before) > 2
