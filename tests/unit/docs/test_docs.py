"""The documentation says what the code does: tables are compared with the records they describe."""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from cli.doctor.finding import NOTES, Cause
from cli.supervisor.metrics import SupervisorMetrics
from common.audio import SAMPLES_PER_MS
from common.errors import BY_CODE, TABLE
from common.events import ScheduleStep
from common.link import FrameType
from common.setting_groups.reach import Reach, reach_of
from common.settings import PREFIX, Settings, load_settings
from common.silence import OFFLINE_STEPS, STREAMING_STEPS, SilenceSchedule
from gateway.host_view import GatewayRow, HostView, Seen
from gateway.metrics import GatewayMetrics
from worker.engines.base import TranscribeRequest
from worker.engines.registry import create_engine
from worker.metrics import WorkerMetrics
from worker.pipeline.effects import DecodeKind

ROOT: Final = Path(__file__).parents[3]
DOCS: Final = ROOT / "docs"
PROTOCOL: Final = DOCS / "protocol.md"
ARCHITECTURE: Final = DOCS / "architecture.md"

NO_CLOSE: Final = "–"
NOT_SET: Final = "not set"
_OWN_SERIES: Final = "asr_"
_MARK: Final = re.compile(r"\*\*(live|rolling)\*\*$")

GROUPS: Final = [
    group
    for group in reversed(Settings.__bases__)
    if issubclass(group, BaseModel) and group is not BaseSettings
]

Row = tuple[str, ...]


def section(page: Path, heading: str) -> str:
    """Text of `page` from the line `heading` to the next heading of any level."""
    text = page.read_text(encoding="utf-8")
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    end = text.find("\n#", start)
    return text[start : end if end >= 0 else None]


def table_rows(text: str) -> list[Row]:
    """Cells of all table rows but the headers, without backticks."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    dashes = [number for number, row in enumerate(rows) if set(row) <= set("|- ")]
    heads = {number for dash in dashes for number in (dash - 1, dash)}
    return [
        tuple(cell.strip().replace("`", "") for cell in row.strip("|").split("|"))
        for number, row in enumerate(rows)
        if number not in heads
    ]


def exposed(registry: CollectorRegistry) -> set[Row]:
    """Name, type and labels of our own series; each must have a sample, for its labels to be seen."""
    found: set[Row] = set()
    for family in registry.collect():
        if family.name.startswith(_OWN_SERIES):
            assert family.samples, f"{family.name} was not touched by this test"
            labels = [label for label in family.samples[0].labels if label != "le"]
            suffix = "_total" if family.type == "counter" else ""
            found.add((family.name + suffix, family.type, ", ".join(labels)))
    return found


def documented(heading: str) -> set[Row]:
    return {row[:3] for row in table_rows(section(DOCS / "metrics.md", heading))}


def touched_worker_metrics() -> CollectorRegistry:
    metrics = WorkerMetrics("0")
    metrics.mps_attached()
    metrics.runs_on("local", None, None)
    metrics.capacity(1)
    metrics.connected(1)
    metrics.speaking(1, 1)
    metrics.superseded(DecodeKind.PARTIAL)
    metrics.stage("encode", 0.0)
    metrics.queued(DecodeKind.FINAL, 0.0)
    metrics.lag(0.0)
    metrics.ended("stopped")
    return metrics.registry


def touched_gateway_metrics() -> CollectorRegistry:
    metrics = GatewayMetrics("0")
    metrics.frame_in(1)
    metrics.closed(1000, "client")
    metrics.rejected("no_worker")
    metrics.moved("link", 0)
    metrics.taken_up(0.0, waited=False)
    metrics.tenants.of("acme")
    metrics.tenants.refused("acme", "stream_quota")
    metrics.hosts.workers({"local": 1}, {"local": 1})
    return metrics.registry


def touched_supervisor_metrics() -> CollectorRegistry:
    metrics = SupervisorMetrics(CollectorRegistry())
    metrics.count_children(lambda role, state: 0)
    return metrics.registry


def test_error_table_is_the_one_in_the_code() -> None:
    expected = [
        (
            error.code,
            str(error.http_status),
            str(error.close_code or NO_CLOSE),
            "yes" if error.retryable else "no",
            error.action.replace("`", ""),
        )
        for error in TABLE
    ]
    assert table_rows(section(DOCS / "errors.md", "## Error table")) == expected


@pytest.mark.parametrize("group", GROUPS)
def test_settings_tables_have_every_setting_with_its_default_and_its_reach(group: type[BaseModel]) -> None:
    expected = [
        ("--" + name.replace("_", "-"), PREFIX + name.upper(), _shown_default(field.default), _mark(field))
        for name, field in group.model_fields.items()
    ]
    rows = table_rows(section(DOCS / "settings.md", f"## {group.__name__}"))
    assert [(*row[:3], _MARK.findall(row[3])) for row in rows] == expected
    assert all(row[3] for row in rows)


def test_no_setting_is_outside_of_the_groups() -> None:
    assert {name for group in GROUPS for name in group.model_fields} == set(Settings.model_fields)


def test_causes_of_the_doctor_are_those_in_the_code() -> None:
    expected = [(cause.value, "note" if cause in NOTES else "problem") for cause in Cause]
    assert [
        row[:2] for row in table_rows(section(DOCS / "troubleshooting.md", "## What the doctor finds"))
    ] == expected


def _mark(field: FieldInfo) -> list[str]:
    reach = reach_of(field)
    return [] if reach is Reach.RESTART else [reach.value]


def _shown_default(default: Any) -> str:
    return NOT_SET if default in (None, "") else str(default)


@pytest.mark.parametrize(
    ("heading", "registry"),
    [
        ("## Worker series", touched_worker_metrics()),
        ("## Gateway series", touched_gateway_metrics()),
        ("## Supervisor series", touched_supervisor_metrics()),
    ],
)
def test_metric_list_is_what_the_process_exposes(heading: str, registry: CollectorRegistry) -> None:
    assert documented(heading) == exposed(registry)


def test_merged_page_adds_only_the_documented_series() -> None:
    me = GatewayRow("0", 1, "ready", 0, "http://127.0.0.1:1/metrics")
    own = touched_gateway_metrics()
    view = HostView(Seen(list, list, lambda: me, list), [], own)
    families = text_string_to_metric_families(asyncio.run(view.metrics()).decode())
    added = {(family.name, family.type) for family in families if family.name.startswith(_OWN_SERIES)}
    added -= {(family.name, family.type) for family in _reparsed(own)}
    assert {row[:2] for row in documented("## Series of the merged page")} == added


def _reparsed(registry: CollectorRegistry) -> Iterable[Any]:
    return text_string_to_metric_families(generate_latest(registry).decode())


def test_each_error_is_explained_once_with_its_close_code() -> None:
    rows = [
        *table_rows(section(PROTOCOL, "### 6.1 Bad input")),
        *table_rows(section(PROTOCOL, "### 6.2 Not the client's fault")),
    ]
    explained = [(code, close) for _, code, close, _ in rows]
    assert sorted(explained) == sorted((code, str(e.close_code or NO_CLOSE)) for code, e in BY_CODE.items())


def test_close_codes_of_all_errors_are_listed() -> None:
    listed = {row[0] for row in table_rows(section(PROTOCOL, "### 1.5 Close codes"))}
    assert {str(error.close_code) for error in TABLE if error.close_code} <= listed


def test_silence_tables_are_those_in_force() -> None:
    rows = [row for row in table_rows(section(PROTOCOL, "## 5. Silence schedule")) if len(row) == 2]
    steps = [_step(*row) for row in rows if row[0] == "inf" or row[0].isdigit()]
    assert steps == [*STREAMING_STEPS, *OFFLINE_STEPS]


def _step(age_ms: str, silence_ms: str) -> ScheduleStep:
    return ScheduleStep(None if age_ms == "inf" else int(age_ms), int(silence_ms))


def test_silence_examples_follow_from_the_streaming_table() -> None:
    rows = [row for row in table_rows(section(PROTOCOL, "## 5. Silence schedule")) if len(row) == 3]
    assert rows
    for speech_s, silence_s, _ in rows:
        assert _silence_ms(1000 * float(speech_s)) == 1000 * float(silence_s)


def _silence_ms(speech_ms: float) -> int:
    """First whole millisecond of silence that is as long as the age of that moment asks for."""
    schedule = SilenceSchedule(STREAMING_STEPS)
    silence_ms = 0
    while silence_ms * SAMPLES_PER_MS < schedule.required_samples(
        round((speech_ms + silence_ms) * SAMPLES_PER_MS)
    ):
        silence_ms += 1
    return silence_ms


def test_link_table_has_every_frame_type() -> None:
    rows = [row[:2] for row in table_rows(section(ARCHITECTURE, "## The link")) if row[1].isupper()]
    assert rows == [(str(kind.value), kind.name) for kind in FrameType]


def test_engine_of_the_guide_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", section(ARCHITECTURE, "## Writing an engine"), re.DOTALL)
    assert code is not None
    (tmp_path / "loudness.py").write_text(code.group(1), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    engine = create_engine(load_settings({"engine": "loudness:create"}, environ={}))
    request = TranscribeRequest(np.full(1600, 0.5, np.float32), DecodeKind.FINAL)
    assert asyncio.run(engine.transcribe(request)).text == "loudness 0.500"


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(page.name[:4]) for page in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
