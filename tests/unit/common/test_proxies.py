from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.proxies import client_address, parse_proxies

PROXIES = parse_proxies("127.0.0.1, ::1,10.0.0.0/8")
CLIENT = "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        # No proxy has said anything.
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", [CLIENT], CLIENT),
        ("::1", [CLIENT], CLIENT),
        # A balancer before the proxy.
        ("127.0.0.1", [f"{CLIENT}, 10.1.2.3"], CLIENT),
        # What the client has made up stands on the left.
        ("127.0.0.1", [f"6.6.6.6, {CLIENT}"], CLIENT),
        ("127.0.0.1", [f"10.6.6.6, 127.0.0.1, {CLIENT}"], CLIENT),
        # HAProxy adds a header of its own behind that of the client.
        ("127.0.0.1", ["6.6.6.6", CLIENT], CLIENT),
        ("127.0.0.1", ["6.6.6.6, 10.0.0.1", f"{CLIENT},10.0.0.2"], CLIENT),
        # A client that is no proxy is not asked.
        (CLIENT, ["6.6.6.6"], CLIENT),
        (CLIENT, ["127.0.0.1"], CLIENT),
        # All are ours: the farthest.
        ("127.0.0.1", ["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
        # What cannot be read hides the rest.
        ("127.0.0.1", ["6.6.6.6, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["6.6.6.6, , 10.0.0.8"], "10.0.0.8"),
        ("127.0.0.1", ["[nonsense"], "127.0.0.1"),
        ("unknown", [CLIENT], "unknown"),
        # Ports, brackets, and IPv6 in either way of writing.
        ("127.0.0.1", [f"{CLIENT}:4711"], CLIENT),
        ("127.0.0.1", ["[2001:db8::9]:4711"], "2001:db8::9"),
        ("127.0.0.1", ["2001:db8:0::9"], "2001:db8:0::9"),
        # Who listens on :: sees proxies so.
        ("::ffff:127.0.0.1", [CLIENT], CLIENT),
        ("::ffff:10.1.2.3", [CLIENT], CLIENT),
        ("::ffff:11.1.2.3", [CLIENT], "::ffff:11.1.2.3"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(
    peer: str, forwarded_for: list[str], client: str
) -> None:
    assert client_address(PROXIES, peer, forwarded_for) == client


@given(st.lists(st.text()))
def test_nothing_a_client_sends_changes_who_it_is(made_up: list[str]) -> None:
    assert client_address(PROXIES, CLIENT, made_up) == CLIENT
    assert client_address(PROXIES, "127.0.0.1", [*made_up, CLIENT]) == CLIENT


def test_without_proxies_nobody_is_believed() -> None:
    assert client_address(parse_proxies(""), "127.0.0.1", [CLIENT]) == "127.0.0.1"


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "*", "10.0.0.1:80"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="such as") as error:
        parse_proxies(f"127.0.0.1,{text}")
    assert text in str(error.value)
