"""Rules, dashboards, runbook and code speak of the same series and the same alerts."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import CollectorRegistry

from cli.supervisor.metrics import SupervisorMetrics
from deploy.grafana.__main__ import DASHBOARDS, FOLDER, files
from gateway.metrics import GatewayMetrics
from tests.support.gpu_host import DCGM_NAMES
from worker.metrics import WorkerMetrics

ROOT: Final = Path(__file__).parents[3]
PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
DOCS: Final = ROOT / "docs"
_SUFFIXES: Final = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
_SERIES: Final = re.compile(r"\b(?:asr_|process_|DCGM_|voxshard:)[\w:]+")


def rules() -> list[dict[str, Any]]:
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS: Final = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED: Final = {rule["record"] for rule in rules() if "record" in rule}


def cases() -> Iterator[tuple[str, bool]]:
    """Alert and whether it fires, of every test of the rules."""
    for file in (PROMETHEUS / "tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                yield case["alertname"], bool(case["exp_alerts"])


def promtool(*arguments: str | Path) -> str:
    """What it says; fails if it does not like it."""
    done = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, check=False, cwd=PROMETHEUS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def series_of_the_code() -> set[str]:
    registries = (
        WorkerMetrics("0").registry,
        GatewayMetrics("0").registry,
        SupervisorMetrics(CollectorRegistry()).registry,
    )
    families = [family for registry in registries for family in registry.collect()]
    return {family.name + suffix for family in families for suffix in _SUFFIXES.get(family.type, ("",))}


def expressions() -> list[str]:
    panels = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]
    return [*(rule["expr"] for rule in rules()), *(query.expr for panel in panels for query in panel.queries)]


def test_rules_do_what_they_are_for() -> None:
    promtool("test", "rules", *sorted((PROMETHEUS / "tests").glob("*.yml")))


@pytest.mark.parametrize("config", sorted(PROMETHEUS.glob("*.yml")), ids=lambda path: path.name)
def test_prometheus_takes_the_configuration(config: Path) -> None:
    assert "is valid" in promtool("check", "config", config)


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    assert {(alert, fires) for alert in ALERTS for fires in (True, False)} == set(cases())


def test_every_alert_says_how_bad_it_is_and_what_has_happened() -> None:
    assert {rule["labels"]["severity"] for rule in ALERTS.values()} == {"critical", "warning"}
    assert all(rule["annotations"]["summary"] for rule in ALERTS.values())


def test_the_runbook_has_every_alert_and_no_other() -> None:
    assert re.findall(r"^## (Voxshard\w+)$", (DOCS / "runbook.md").read_text(), re.MULTILINE) == list(ALERTS)


def test_operations_leads_to_the_section_of_every_alert() -> None:
    led = re.findall(r"\[(Voxshard\w+)\]\(runbook\.md#(\w+)\)", (DOCS / "operations.md").read_text())
    assert led == [(alert, alert.lower()) for alert in ALERTS]


def test_rules_and_panels_ask_for_series_that_there_are() -> None:
    asked = {series for expr in expressions() for series in _SERIES.findall(expr)}
    assert asked <= series_of_the_code() | RECORDED | DCGM_NAMES


def test_memory_of_cards_is_shown_in_the_exporters_unit() -> None:
    panels = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]
    [unit] = {
        panel.unit for panel in panels for query in panel.queries if "DCGM_FI_DEV_FB_USED" in query.expr
    }
    # MiB, though the exporter calls it MB; Grafana's decmbytes are millions.
    assert unit == "mbytes"


def test_dashboards_are_those_of_the_description() -> None:
    """Else: `python -m deploy.grafana`."""
    assert {path: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == files()
