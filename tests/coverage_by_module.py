"""Is each pure core covered by its own tests? Run as `python -m tests.coverage_by_module [MODULE ...]`.

A module's own tests are `tests/unit/<package>/test_<module>*.py`; what other tests reach does not count.
Ends with 1 and says which if a module's lines or branches are covered less than `LEAST_PERCENT`.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import coverage
import coverage.exceptions
import msgspec
import pytest

ROOT: Final = Path(__file__).parent.parent
LEAST_PERCENT: Final = 95.0
AT_ONCE: Final = 2
RULED: Final = (
    "cli/doctor/checks/*.py",
    "cli/doctor/finding.py",
    "cli/doctor/gather.py",
    "cli/supervisor/reload.py",
    "cli/supervisor/reloading.py",
    "cli/supervisor/card_policy.py",
    "cli/supervisor/gate.py",
    *(f"client/{name}.py" for name in ("failures", "replay", "retry", "session", "vanished", "view")),
    "common/*.py",
    "common/registry/announcer.py",
    "common/registry/base.py",
    "common/setting_groups/*.py",
    *(f"deploy/grafana/{name}.py" for name in ("layout", "queries")),
    *(f"deploy/topology/{name}.py" for name in ("plan", "watch")),
    *(
        f"worker/engines/encoder_llm/{name}.py"
        for name in ("buckets", "busy", "continuation", "timed_words", "viterbi")
    ),
    "worker/card_errors.py",
    "worker/pipeline/*.py",
    "worker/vad/hearing.py",
    "worker/vad/turns.py",
    "worker/exits.py",
    "worker/failures.py",
    "worker/in_decode.py",
    "worker/segment_trace.py",
    "worker/scheduler/decode_queue.py",
    "gateway/access/*.py",
    "gateway/absence.py",
    "gateway/admission.py",
    "gateway/client_latency.py",
    "gateway/death.py",
    "gateway/limits_watch.py",
    "gateway/lost_workers.py",
    "gateway/directory_watch.py",
    "gateway/link_keeper.py",
    "gateway/placement.py",
    "gateway/dialects/acknowledged.py",
    "gateway/dialects/locked.py",
    "gateway/loop_share.py",
    *(f"gateway/quotas/{name}.py" for name in ("account", "bucket", "memory", "shared", "shared_account")),
    "gateway/registry/heartbeat.py",
    "gateway/registry/memory.py",
    "gateway/registry/memory_records.py",
    "gateway/registry/records.py",
    "gateway/registry/seed.py",
    "gateway/registry/shared.py",
    "gateway/registry/shared_records.py",
    "gateway/resume_tokens.py",
    "gateway/roster.py",
    "gateway/scrape_targets.py",
    "gateway/session_feed.py",
    "gateway/session_trace.py",
    "gateway/strikes.py",
    "gateway/worker_pool.py",
)
# pytest would rewrite its plug-ins; those are there already, which costs nothing but their assertions.
_PRELOADED: Final = "ignore::pytest.PytestAssertRewriteWarning"
# Records without logic share one test; so do all errors.
SHARED: Final = {
    **{
        f"common/error_{name}.py": ("tests/unit/common/test_errors.py",)
        for name in ("access", "base", "limits", "session")
    },
    **{
        f"common/{name}.py": ("tests/unit/common/test_settings.py",)
        for name in ("settings_errors", "settings_source")
    },
    **{
        f"common/setting_groups/{path.name}": ("tests/unit/common/test_settings.py",)
        for path in (ROOT / "common/setting_groups").glob("*.py")
        if path.stem not in {"checked", "reach"}
    },
    **{
        f"common/{name}.py": ("tests/unit/common/test_records.py",)
        for name in ("checkpoint", "clock", "ends", "events", "metrics")
    },
}


@dataclass(frozen=True, slots=True)
class Covered:
    """Percent of a module's lines and branches that its own tests go through."""

    module: str
    lines: float = 0.0
    branches: float = 0.0
    trouble: str = ""

    @property
    def enough(self) -> bool:
        return not self.trouble and min(self.lines, self.branches) >= LEAST_PERCENT

    def row(self) -> str:
        verdict = "ok" if self.enough else self.trouble or "too little"
        return f"{self.module:<46} {self.lines:6.1f} {self.branches:8.1f}  {verdict}"


def ruled_modules(root: Path = ROOT) -> list[str]:
    """Paths of all modules with the rule, relative to `root`."""
    found = {path for pattern in RULED for path in root.glob(pattern)}
    return sorted(str(path.relative_to(root)) for path in found if path.name != "__init__.py")


def own_tests(module: str, root: Path = ROOT) -> list[str]:
    """Its test files: a name that continues with another module's name belongs to that one."""
    if module in SHARED:
        return list(SHARED[module])
    path = Path(module)
    siblings = [sibling.stem for sibling in (root / path.parent).glob(f"{path.stem}_*.py")]
    tests = (root / "tests/unit" / path.parent).glob(f"test_{path.stem}*.py")
    return sorted(str(test.relative_to(root)) for test in tests if _belongs(test.stem, path.stem, siblings))


def _belongs(test: str, module: str, longer_names: Iterable[str]) -> bool:
    return _is_named_after(test, module) and not any(_is_named_after(test, name) for name in longer_names)


def _is_named_after(test: str, module: str) -> bool:
    return test == f"test_{module}" or test.startswith(f"test_{module}_")


def measure(module: str) -> Covered:
    """In a process of its own, that has imported nothing of ours yet."""
    tests = own_tests(module)
    if not tests:
        return Covered(module, trouble="no tests of its own")
    os.chdir(ROOT)
    meter = coverage.Coverage(data_file=None, branch=True, include=[module])
    output = io.StringIO()
    with contextlib.redirect_stdout(output), meter.collect():
        status = pytest.main(["-q", "-p", "no:cacheprovider", "-W", _PRELOADED, *tests])
    if status is not pytest.ExitCode.OK:
        return Covered(module, trouble=f"its tests fail\n{output.getvalue()}")
    return _result(module, meter)


def _result(module: str, meter: coverage.Coverage) -> Covered:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        try:
            meter.json_report(outfile=str(report))
        except coverage.exceptions.NoDataError:
            return Covered(module, trouble="its tests do not import it")
        totals = msgspec.json.decode(report.read_bytes())["totals"]
    return Covered(
        module,
        lines=_percent(totals["covered_lines"], totals["num_statements"]),
        branches=_percent(totals["covered_branches"], totals["num_branches"]),
    )


def _percent(covered: int, of: int) -> float:
    return 100.0 * covered / of if of else 100.0


def main(modules: list[str]) -> int:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["coverage", "hypothesis", "numpy", "prometheus_client", "pydantic", "pytest"]
    )
    with context.Pool(AT_ONCE, maxtasksperchild=1) as runners:
        results = runners.map(measure, modules or ruled_modules(), chunksize=1)
    rows = [f"{'module':<46} {'lines':>6} {'branches':>8}", *(result.row() for result in results)]
    sys.stdout.write("\n".join(rows) + "\n")
    return 0 if all(result.enough for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
