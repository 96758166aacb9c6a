from __future__ import annotations

import pytest

from common.addresses import http_url, reachable_host

HOSTS = [
    ("0.0.0.0", "127.0.0.1"),
    ("::", "[::1]"),
    ("::1", "[::1]"),
    ("10.0.0.7", "10.0.0.7"),
    ("asr.example", "asr.example"),
]


@pytest.mark.parametrize(("host", "shown"), HOSTS)
def test_host_is_written_as_a_client_can_use_it(host: str, shown: str) -> None:
    assert reachable_host(host) == shown


@pytest.mark.parametrize(("host", "shown"), HOSTS)
def test_url_has_the_reachable_host(host: str, shown: str) -> None:
    assert http_url(host, 9400, "/metrics") == f"http://{shown}:9400/metrics"


def test_url_without_a_path_ends_with_the_port() -> None:
    assert http_url("127.0.0.1", 8899) == "http://127.0.0.1:8899"
