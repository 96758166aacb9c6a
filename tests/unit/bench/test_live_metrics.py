from __future__ import annotations

from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry, Counter, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from bench.live_metrics import SeriesChange, changes, scrape
from bench.live_processes import LiveError

BEFORE = """
# TYPE asr_decode_queue_seconds histogram
asr_decode_queue_seconds_bucket{kind="final",le="+Inf",worker="0"} 10
asr_decode_queue_seconds_count{kind="final",worker="0"} 10
asr_decode_queue_seconds_sum{kind="final",worker="0"} 1.0
# TYPE asr_compute_busy_seconds_total counter
asr_compute_busy_seconds_total{stage="vad",worker="0"} 5.0
# TYPE asr_sessions_ended_total counter
asr_sessions_ended_total{outcome="stopped",worker="0"} 7
"""
AFTER = """
# TYPE asr_decode_queue_seconds histogram
asr_decode_queue_seconds_bucket{kind="final",le="+Inf",worker="0"} 30
asr_decode_queue_seconds_count{kind="final",worker="0"} 30
asr_decode_queue_seconds_sum{kind="final",worker="0"} 3.0
asr_decode_queue_seconds_count{kind="final",worker="1"} 20
asr_decode_queue_seconds_sum{kind="final",worker="1"} 6.0
# TYPE asr_decode_queue_seconds_created gauge
asr_decode_queue_seconds_created{kind="final",worker="0"} 1.7e9
# TYPE asr_compute_busy_seconds_total counter
asr_compute_busy_seconds_total{stage="vad",worker="0"} 6.5
asr_compute_busy_seconds_total{stage="vad",worker="1"} 0.5
# TYPE asr_sessions_ended_total counter
asr_sessions_ended_total{outcome="stopped",worker="0"} 7
# TYPE asr_rtfx gauge
asr_rtfx{worker="0"} 40
asr_rtfx{worker="1"} 50
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 100
# TYPE process_open_fds gauge
process_open_fds 20
"""


def parsed(text: str) -> list[SeriesChange]:
    before, after = (list(text_string_to_metric_families(page)) for page in (BEFORE, text))
    return list(changes(before, after))


def test_counters_and_histograms_grow_over_all_workers_and_gauges_stand_alone() -> None:
    assert parsed(AFTER) == [
        SeriesChange("asr_compute_busy_seconds", "stage=vad", "counter", 2.0),
        SeriesChange("asr_decode_queue_seconds", "kind=final", "histogram", 8.0, 40.0, 0.2),
        SeriesChange("asr_rtfx", "worker=0", "gauge", 40.0),
        SeriesChange("asr_rtfx", "worker=1", "gauge", 50.0),
        SeriesChange("process_cpu_seconds", "", "counter", 100.0),
    ]


def test_series_that_did_not_move_are_left_out() -> None:
    assert parsed(BEFORE) == []


def test_what_processes_say_of_themselves_is_told_apart_by_their_ports() -> None:
    urls = []
    with ExitStack() as servers:
        for cpu_s in (1.0, 2.0):
            registry = CollectorRegistry()
            Counter("process_cpu_seconds", "", registry=registry).inc(cpu_s)
            server, _ = start_http_server(0, "127.0.0.1", registry)
            servers.callback(server.server_close)
            servers.callback(server.shutdown)
            urls.append(f"http://127.0.0.1:{server.server_port}/metrics")
        found = changes([], scrape(urls))
    labels = [f"process={urlsplit(url).netloc}" for url in urls]
    assert {one.labels: one.change for one in found} == dict(zip(labels, (1.0, 2.0), strict=True))


def test_missing_page_says_so() -> None:
    with pytest.raises(LiveError, match=r"no metrics at http://127\.0\.0\.1:1/metrics"):
        scrape(["http://127.0.0.1:1/metrics"])
