"""What a Prometheus answers over its HTTP API."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from common.ops_client import fetch_json

_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Series:
    """`timed`: values and the Unix times that they are filed under, in seconds."""

    labels: dict[str, str]
    timed: list[tuple[float, float]]

    @property
    def values(self) -> list[float]:
        return [value for _, value in self.timed]


class Prometheus:
    def __init__(self, url: str) -> None:
        self._url = url

    def value(self, expr: str) -> float:
        """Of an expression that is one series now; KeyError if it is none or many."""
        found = self._get("query", query=expr)["result"]
        if len(found) != 1:
            raise KeyError(f"{len(found)} series: {expr}")
        return float(found[0]["value"][1])

    def over(self, expr: str, seconds: float) -> list[Series]:
        """The last so many seconds, a value each second."""
        now = time.time()
        rows = self._get("query_range", query=expr, start=str(now - seconds), end=str(now), step="1")[
            "result"
        ]
        return _series(rows)

    def samples(self, selector: str) -> list[Series]:
        """Of a range selector: each scrape that there was."""
        return _series(self._get("query", query=selector)["result"])

    def all_up(self, count: int) -> bool:
        """So many targets are known, and all have answered."""
        targets = self._get("targets", state="active")["activeTargets"]
        return [target["health"] for target in targets] == ["up"] * count

    def _get(self, path: str, **parameters: str) -> Any:
        answer = fetch_json(f"{self._url}/api/v1/{path}?{urlencode(parameters)}", _ANSWER_S)
        assert answer["status"] == "success", answer
        return answer["data"]


def _series(rows: list[dict[str, Any]]) -> list[Series]:
    return [Series(row["metric"], [(at, float(value)) for at, value in row["values"]]) for row in rows]
