"""What the server says of itself before and after a run: its `asr_` series, and what its processes took."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bench.live_processes import LiveError

_PREFIX: Final = "asr_"
_OF_PROCESS: Final = frozenset({"process_cpu_seconds", "process_resident_memory_bytes"})
_TIMEOUT_S: Final = 5.0
# One figure for all processes, but for gauges, which cannot be added up.
_SUMMED_OVER: Final = frozenset({"worker", "gateway"})
_SUMMED: Final = {"counter": "_total", "histogram": "_sum", "summary": "_sum"}
"""Kinds of series, with the end of the name of the sample that says how much there was."""

Scrape = Mapping[tuple[str, str], float]
"""Value by name of the sample and its labels, added up over processes."""


class SeriesChange(msgspec.Struct, frozen=True):
    """One series over the run.

    count:  observations of a histogram; None: it is none.
    change: how much a counter or a histogram's sum grew; for a gauge its value at the end, of each process.
    mean:   of the histogram's observations.
    """

    name: str
    labels: str
    kind: str
    change: float
    count: float | None = None
    mean: float | None = None


def scrape(urls: Iterable[str]) -> list[Metric]:
    """All families of all pages. Raises `LiveError`."""
    return [family for url in urls for family in _told_apart(_page(url), urlsplit(url).netloc)]


def _told_apart(page: str, process: str) -> Iterator[Metric]:
    """What a process says of itself names no process."""
    for family in text_string_to_metric_families(page):
        if family.name in _OF_PROCESS:
            family.samples = [
                sample._replace(labels={**sample.labels, "process": process}) for sample in family.samples
            ]
        yield family


def changes(before: Iterable[Metric], after: Iterable[Metric]) -> tuple[SeriesChange, ...]:
    """What moved, or is no zero, of the series named `asr_...` and of the processes, sorted by name."""
    kinds = {family.name: family.type for family in after if _counts(family)}
    earlier, later = _values(before), _values(after)
    found = (change for name, kind in sorted(kinds.items()) for change in _of(name, kind, earlier, later))
    return tuple(change for change in found if change.change or change.count)


def _counts(family: Metric) -> bool:
    # When a series began is exposed like a gauge beside it.
    is_ours = family.name.startswith(_PREFIX) or family.name in _OF_PROCESS
    return is_ours and not family.name.endswith("_created")


def _page(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            return str(answer.read().decode())
    except (OSError, ValueError) as error:
        raise LiveError(f"no metrics at {url}: {error}") from error


def _values(families: Iterable[Metric]) -> Scrape:
    summed: dict[tuple[str, str], float] = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, _labels(sample.labels, _SUMMED_OVER if family.type in _SUMMED else ()))
            summed[key] = summed.get(key, 0.0) + sample.value
    return summed


def _labels(labels: Mapping[str, str], left_out: Iterable[str]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name not in left_out)


def _of(name: str, kind: str, before: Scrape, after: Scrape) -> Iterator[SeriesChange]:
    suffix = _SUMMED.get(kind, "")
    for (sample, labels), value in after.items():
        if sample != name + suffix:
            continue
        grown = value - before.get((sample, labels), 0.0)
        if suffix == "_sum":
            count = after[name + "_count", labels] - before.get((name + "_count", labels), 0.0)
            yield SeriesChange(name, labels, kind, grown, count, grown / count if count else None)
        else:
            yield SeriesChange(name, labels, kind, grown if suffix else value)
