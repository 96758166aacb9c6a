from __future__ import annotations

import pytest

from common.addresses import (
    check_advertise_host,
    check_collector_url,
    check_host,
    check_redis_url,
    http_url,
    is_wildcard,
    reachable_host,
)

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


@pytest.mark.parametrize("host", ["10.0.0.2", "fd00::2", "::1", "asr-1.example"])
def test_others_can_connect_to_an_address(host: str) -> None:
    check_advertise_host(host)
    assert not is_wildcard(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.2/x", "a b", "[::1]", "-x", "a..b", "h" * 64])
def test_nobody_can_connect_to_these(host: str) -> None:
    with pytest.raises(ValueError, match="one address of this host"):
        check_advertise_host(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "fe80::1%eth0", "localhost", "my_host"])
def test_addresses_and_names_can_be_looked_up(host: str) -> None:
    check_host(host)


@pytest.mark.parametrize("host", ["", " ", "a..b", "x" * 64, "[::1]", "http://10.0.0.7", "10.0.0.7/8", "a b"])
def test_these_cannot(host: str) -> None:
    with pytest.raises(ValueError, match=r"such as 127\.0\.0\.1 or ::1, or as a name; without a port"):
        check_host(host)


def test_url_without_a_path_ends_with_the_port() -> None:
    assert http_url("127.0.0.1", 8899) == "http://127.0.0.1:8899"


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://:secret@10.0.0.7:6379/2",
        "rediss://user:secret@[::1]:6380/",
        "unix:///run/redis.sock",
        "unix://user:secret@/run/redis.sock?db=1",
    ],
)
def test_address_of_a_redis(url: str) -> None:
    check_redis_url(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "begins with"),
        ("secret@localhost:6379", "begins with"),
        ("http://secret@localhost:6379", "begins with"),
        ("redis://", "with a host"),
        ("redis://:secret@", "with a host"),
        ("redis://secret@localhost:0", "with a host"),
        ("redis://secret..x", "with a host"),
        ("redis://localhost:secret", "cannot be read"),
        ("redis://localhost:70000", "cannot be read"),
        ("redis://[secret", "cannot be read"),
        ("redis://localhost/secret", "number of a database"),
        ("unix://", "PATH"),
        ("unix:///", "PATH"),
    ],
)
def test_address_that_no_redis_can_have_is_refused_without_being_repeated(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        check_redis_url(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://collector", "https://[::1]:4318/", "https://traces.example/otlp"])
def test_address_of_a_collector(url: str) -> None:
    check_collector_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "collector:4318",
        "grpc://collector:4317",
        "http://",
        "http://collector:0",
        "http://collector:70000",
        "http://secret@collector",
        "http://collector/?key=secret",
        "http://collector/#secret",
    ],
)
def test_address_that_no_collector_can_have_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="OTEL_EXPORTER_OTLP_HEADERS") as refused:
        check_collector_url(url)
    assert "secret" not in str(refused.value)
