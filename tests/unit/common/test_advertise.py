from __future__ import annotations

import socket

import pytest

from common.advertise import NoAdvertiseHost, own_address_towards, with_advertise_host
from common.settings import load_settings


def test_without_redis_nobody_has_to_find_this_host() -> None:
    settings = load_settings({}, {})
    assert with_advertise_host(settings) is settings


def test_what_is_given_counts() -> None:
    settings = load_settings({"redis_url": "redis://no.such.name.invalid", "advertise_host": "10.0.0.2"}, {})
    assert with_advertise_host(settings) is settings


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1", "redis://:secret@127.0.0.1", "unix:///run/redis.sock"]
)
def test_a_redis_of_this_machine_is_reached_from_its_loopback(url: str) -> None:
    assert with_advertise_host(load_settings({"redis_url": url}, {})).advertise_host == "127.0.0.1"


def test_it_is_the_address_of_the_way_there() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("127.0.0.5", 6_379))
        assert own_address_towards("redis://127.0.0.5") == probe.getsockname()[0]


def test_where_there_is_no_way_the_flag_is_named_and_the_address_is_not() -> None:
    settings = load_settings({"redis_url": "redis://:secret@no.such.name.invalid"}, {})
    with pytest.raises(NoAdvertiseHost, match="--advertise-host") as error:
        with_advertise_host(settings)
    assert "secret" not in str(error.value) and "no.such" not in str(error.value)
