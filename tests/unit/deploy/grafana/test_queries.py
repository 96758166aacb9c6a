from __future__ import annotations

from deploy.grafana.queries import by_card, quantile, quantiles, rate, summed


def test_what_queries_are_made_of() -> None:
    assert summed("x", rate("n")) == "sum by (x) (rate(n[$__rate_interval]))"
    assert quantile(0.95, "h", "x") == (
        "histogram_quantile(0.95, sum by (le, x) (rate(h_bucket[$__rate_interval])))"
    )
    assert [query.legend for query in quantiles("h")] == ["p50", "p95", "p99"]
    card = "* on (instance, worker) group_left (host, gpu) asr_worker_info"
    assert by_card("n") == f"sum by (host, gpu) (n {card})"
    assert quantile(0.5, "h", of_card=True) == (
        f"histogram_quantile(0.5, sum by (le, host, gpu) (rate(h_bucket[$__rate_interval]) {card}))"
    )
