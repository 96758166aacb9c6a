from __future__ import annotations

import msgspec
import pytest

from common.registry.base import GatewayRecord, UnusableUrl, WorkerRecord, decode_records, encode_record
from common.scrape import TargetGroup
from tests.support.directories import ADA, BOB, gateway_record


def test_records_come_back_as_they_were() -> None:
    assert decode_records([encode_record(ADA), encode_record(BOB)], WorkerRecord) == [ADA, BOB]
    gateway = gateway_record("b:0", targets=(TargetGroup(("10.0.0.2:9400",), {"process": "gateway"}),))
    assert decode_records([encode_record(gateway)], GatewayRecord) == [gateway]


def test_what_cannot_be_read_is_left_out() -> None:
    texts = [b"", b"no record", encode_record(gateway_record("b:0")), encode_record(ADA)]
    assert decode_records(texts, WorkerRecord) == [ADA]


def test_fields_of_a_later_version_do_no_harm() -> None:
    later = msgspec.msgpack.encode({**msgspec.structs.asdict(ADA), "colour": "red"})
    assert decode_records([later], WorkerRecord) == [ADA]


@pytest.mark.parametrize("show", [repr, str, "{}".format])
def test_the_key_of_a_link_is_not_shown(show: object) -> None:
    assert callable(show)
    assert "a-key" not in show(ADA) and "a:0" in show(ADA)


def test_an_unusable_address_is_not_repeated() -> None:
    assert str(UnusableUrl()) == "redis_url: the options of this address cannot be used"
