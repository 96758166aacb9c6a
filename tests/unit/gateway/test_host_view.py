"""The view of the host against real ops ports, one of which does not answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from common.ops_server import OpsServer, Reply, Route, json_reply, metrics_reply
from common.settings import load_settings
from gateway.host_view import (
    DOWN,
    READY,
    GatewayRow,
    HostView,
    Seen,
    UnknownWorker,
    WorkerRow,
    WorkerSilent,
    other_gateways,
)

OWN = GatewayRow("0", 100, READY, 3, "http://127.0.0.1:1/metrics")
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def ops_url(cleanup: ExitStack, routes: dict[str, Route]) -> str:
    """Metrics address of an ops port that answers these routes."""
    server = OpsServer("127.0.0.1", 0, routes)
    server.start()
    cleanup.callback(server.close)
    return f"http://127.0.0.1:{server.port}/metrics"


def dead_url() -> str:
    """An address at which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/metrics"


def silent_url(cleanup: ExitStack) -> str:
    """An address that takes connections and never answers."""
    listener = cleanup.enter_context(socket.create_server(("127.0.0.1", 0)))
    return f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"


def worker_row(number: int, url: str | None, state: str = READY) -> WorkerRow:
    return WorkerRow(str(number), 200 + number, state, "0", 2, 1, 40, url)


def worker_registry(worker: str, decodes: int) -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("asr_decodes_total", "Decodes.", ["worker"], registry=registry).labels(worker).inc(decodes)
    lag = Histogram("asr_lag_seconds", "Lag.", ["worker"], registry=registry, buckets=(0.1, 1.0))
    lag.labels(worker).observe(0.5)
    ProcessCollector(registry=registry)
    return registry


def worker_url(cleanup: ExitStack, worker: str, decodes: int) -> str:
    registry = worker_registry(worker, decodes)
    return ops_url(cleanup, {"/metrics": lambda: metrics_reply(registry)})


def view_of(
    workers: list[WorkerRow],
    others: list[GatewayRow] | None = None,
    registry: CollectorRegistry | None = None,
    elsewhere: Sequence[WorkerRow] = (),
    gateways_elsewhere: list[GatewayRow] | None = None,
) -> HostView:
    own = registry or CollectorRegistry()
    seen = Seen(
        lambda: [*workers, *elsewhere], lambda: workers, lambda: OWN, lambda: gateways_elsewhere or []
    )
    return HostView(seen, others or [], own, timeout_s=0.1)


def series_of(text: str) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_of_answering_workers_are_merged_and_a_dead_one_is_marked(cleanup: ExitStack) -> None:
    workers = [
        worker_row(0, worker_url(cleanup, "0", decodes=5)),
        worker_row(1, worker_url(cleanup, "1", decodes=7)),
        worker_row(2, dead_url()),
    ]
    series = series_of(asyncio.run(view_of(workers).metrics()).decode())
    assert series["asr_decodes_total", (("worker", "0"),)] == 5
    assert series["asr_decodes_total", (("worker", "1"),)] == 7
    assert series["asr_lag_seconds_bucket", (("le", "0.1"), ("worker", "1"))] == 0
    assert series["asr_lag_seconds_bucket", (("le", "1.0"), ("worker", "1"))] == 1
    assert series["asr_lag_seconds_sum", (("worker", "0"),)] == 0.5
    up = {labels: value for (name, labels), value in series.items() if name == "asr_worker_up"}
    assert up == {(("worker", "0"),): 1, (("worker", "1"),): 1, (("worker", "2"),): 0}


def test_every_family_is_declared_once(cleanup: ExitStack) -> None:
    # The gateway's own counter has the name of the workers', with the `_created` series that go with it.
    registry = CollectorRegistry()
    Counter("asr_decodes_total", "Decodes.", registry=registry).inc()
    workers = [worker_row(number, worker_url(cleanup, str(number), decodes=1)) for number in range(2)]
    text = asyncio.run(view_of(workers, registry=registry).metrics()).decode()
    types = [line for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(types) == len(set(types))
    assert types.count("# TYPE asr_decodes_total counter") == 1
    assert types.count("# TYPE asr_lag_seconds histogram") == 1
    assert series_of(text)["asr_decodes_total", ()] == 1


def test_process_wide_families_are_the_gateways_own(cleanup: ExitStack) -> None:
    registry = CollectorRegistry()
    Gauge("process_threads", "Own.", registry=registry).set(4)
    workers = [worker_row(0, worker_url(cleanup, "0", decodes=1))]
    series = series_of(asyncio.run(view_of(workers, registry=registry).metrics()).decode())
    assert {name for name, _ in series if name.startswith("process_")} == {"process_threads"}


@pytest.mark.parametrize("body", [b"not { metrics", b"asr_x one\n"])
def test_worker_whose_metrics_cannot_be_read_is_marked(cleanup: ExitStack, body: bytes) -> None:
    url = ops_url(cleanup, {"/metrics": lambda: Reply(200, "text/plain", body)})
    series = series_of(asyncio.run(view_of([worker_row(0, url)]).metrics()).decode())
    assert series == {("asr_worker_up", (("worker", "0"),)): 0}


def test_worker_that_is_not_ready_is_not_asked(cleanup: ExitStack) -> None:
    workers = [worker_row(0, worker_url(cleanup, "0", decodes=1), state="not_ready"), worker_row(1, None)]
    series = series_of(asyncio.run(view_of(workers).metrics()).decode())
    assert series == {("asr_worker_up", (("worker", str(number)),)): 0 for number in range(2)}


def test_rows_show_workers_and_gateways_and_who_does_not_answer(cleanup: ExitStack) -> None:
    url = ops_url(cleanup, {"/status": lambda: json_reply(GatewayRow("1", 101, READY, 4, "own-url"))})
    others = [
        GatewayRow("3", None, DOWN, 0, silent_url(cleanup)),
        GatewayRow("2", None, DOWN, 0, dead_url()),
        GatewayRow("1", None, DOWN, 0, url),
    ]
    workers = [worker_row(0, None)]
    rows = asyncio.run(view_of(workers, others).rows())
    assert rows.workers == workers
    assert rows.gateways == [OWN, GatewayRow("1", 101, READY, 4, "own-url"), others[1], others[0]]


def test_other_instances_are_shown_and_not_asked(cleanup: ExitStack) -> None:
    own, far = worker_row(0, worker_url(cleanup, "0", decodes=1)), worker_row(1, dead_url())
    gateway = GatewayRow("10.0.0.2:10095:0", 7, READY, 1, dead_url())
    view = view_of([own], elsewhere=[far], gateways_elsewhere=[gateway])
    rows = asyncio.run(view.rows())
    assert (rows.workers, rows.gateways) == ([own, far], [OWN, gateway])
    series = series_of(asyncio.run(view.metrics()).decode())
    assert [labels for name, labels in series if name == "asr_worker_up"] == [(("worker", "0"),)]


def test_status_that_is_not_a_row_counts_as_no_answer(cleanup: ExitStack) -> None:
    url = ops_url(cleanup, {"/status": lambda: json_reply({"id": "1"})})
    other = GatewayRow("1", None, DOWN, 0, url)
    rows = asyncio.run(view_of([], [other]).rows())
    assert rows.gateways == [OWN, other]


def test_sessions_of_a_worker_come_from_its_ops_port(cleanup: ExitStack) -> None:
    url = ops_url(cleanup, {"/sessions": lambda: json_reply({"sessions": ["a", "b-2"]})})
    assert asyncio.run(view_of([worker_row(0, url)]).sessions("0")).sessions == ["a", "b-2"]


def test_unknown_and_silent_workers_are_told_apart() -> None:
    view = view_of([worker_row(0, dead_url()), worker_row(1, None)])
    with pytest.raises(UnknownWorker):
        asyncio.run(view.sessions("2"))
    for silent in ("0", "1"):
        with pytest.raises(WorkerSilent):
            asyncio.run(view.sessions(silent))


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::1", "[::1]")])
def test_other_gateways_are_down_until_they_answer(host: str, shown: str) -> None:
    settings = load_settings({"ops_host": host, "gateways": 3, "gateway_ops_port": 9_400}, environ={})
    assert other_gateways(settings, 1) == [
        GatewayRow("0", None, DOWN, 0, f"http://{shown}:9400/metrics"),
        GatewayRow("2", None, DOWN, 0, f"http://{shown}:9402/metrics"),
    ]
