"""PromQL that several panels share. Pure."""

from __future__ import annotations

from deploy.grafana.layout import Query

# Where a worker runs, for figures of a card.
_BY_CARD = "* on (instance, worker) group_left (host, gpu) asr_worker_info"


def rate(series: str) -> str:
    """Grafana fills in a time that holds some scrapes, however far it is zoomed out."""
    return f"rate({series}[$__rate_interval])"


def summed(by: str, expr: str) -> str:
    return f"sum by ({by}) ({expr})"


def by_card(expr: str) -> str:
    return summed("host, gpu", f"{expr} {_BY_CARD}")


def quantile(share: float, histogram: str, *by: str, of_card: bool = False) -> str:
    """Of the observations within the interval; `by`: labels to keep."""
    buckets = rate(f"{histogram}_bucket")
    labels = ("le", "host", "gpu") if of_card else ("le", *by)
    joined = f"{buckets} {_BY_CARD}" if of_card else buckets
    return f"histogram_quantile({share:g}, {summed(', '.join(labels), joined)})"


def quantiles(histogram: str) -> tuple[Query, ...]:
    """p50, p95 and p99 over all processes."""
    return tuple(Query(quantile(share, histogram), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99))
