"""What a process tells Prometheus, read back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families


class Metrics:
    """One exposition, by series name and labels."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        self._samples = [sample for family in families for sample in family.samples]

    def has(self, name: str, **labels: str) -> bool:
        return bool(self._values(name, labels))

    def total(self, name: str, **labels: str) -> float:
        """Sum of all series of this name that have these labels; KeyError if there is none."""
        values = self._values(name, labels)
        if not values:
            raise KeyError(f"{name} {labels}")
        return sum(values)

    def buckets(self, name: str, **labels: str) -> list[tuple[float, float]]:
        """Borders and counts of a histogram, from the least border on; each count holds those below it."""
        counts: defaultdict[float, float] = defaultdict(float)
        for sample in self._samples:
            if sample.name == f"{name}_bucket" and labels.items() <= sample.labels.items():
                counts[float(sample.labels["le"])] += sample.value
        return sorted(counts.items())

    def _values(self, name: str, labels: Mapping[str, str]) -> list[float]:
        return [
            sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
