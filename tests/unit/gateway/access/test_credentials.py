from __future__ import annotations

import pytest

from gateway.access.credentials import credential


@pytest.mark.parametrize("value", ["Bearer KEY", "bearer  KEY ", "BEARER KEY", "Token KEY"])
def test_key_is_taken_from_the_authorization(value: str) -> None:
    assert credential({"authorization": value}) == "KEY"


@pytest.mark.parametrize("value", ["", "KEY", "Bearer", "Bearer ", "Basic S0VZOg=="])
def test_other_authorizations_hold_no_key(value: str) -> None:
    assert credential({"authorization": value}) is None


@pytest.mark.parametrize("offered", ["voxshard, voxshard.key.KEY", "voxshard.key.KEY,binary"])
def test_key_is_taken_from_the_subprotocols(offered: str) -> None:
    assert credential({"sec-websocket-protocol": offered}) == "KEY"


@pytest.mark.parametrize("offered", ["", "voxshard", "binary", "voxshard.key.", "KEY"])
def test_other_subprotocols_hold_no_key(offered: str) -> None:
    assert credential({"sec-websocket-protocol": offered}) is None


def test_authorization_counts_before_a_subprotocol() -> None:
    headers = {"authorization": "Bearer ONE", "sec-websocket-protocol": "voxshard.key.TWO"}
    assert credential(headers) == "ONE"
    assert credential(headers | {"authorization": "Bearer"}) is None


def test_no_header_holds_no_key() -> None:
    assert credential({}) is None
