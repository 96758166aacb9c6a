from __future__ import annotations

import socket

import pytest

from gateway.sockets import CannotListen, bind_socket


def test_port_0_takes_a_free_port_and_listens() -> None:
    with bind_socket("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        assert listener.getsockname()[1] > 0


def test_taken_port_is_named_in_the_error() -> None:
    with bind_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CannotListen, match=f"port {port} of 127.0.0.1: Address already in use"):
            bind_socket("127.0.0.1", port)


def test_processes_that_ask_for_it_share_a_port() -> None:
    with (
        bind_socket("127.0.0.1", 0, reuse_port=True) as first,
        bind_socket("127.0.0.1", first.getsockname()[1], reuse_port=True) as second,
    ):
        assert first.getsockname() == second.getsockname()


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_address_of_another_host_is_an_error(host: str) -> None:
    with pytest.raises(CannotListen, match=host):
        bind_socket(host, 0)
