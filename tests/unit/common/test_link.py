from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.checkpoint import ORIGIN, Checkpoint
from common.events import (
    Committed,
    EndpointReason,
    Failed,
    Partial,
    ScheduleStep,
    SessionOptions,
    Settled,
    SpeechStarted,
    Stopped,
)
from common.events import Final as FinalEvent
from common.link import (
    HEADER,
    LINK_VERSION,
    MAX_PAYLOAD_BYTES,
    PAYLOADS,
    Credit,
    Decoding,
    Frame,
    FrameDecoder,
    FrameType,
    Hello,
    LinkError,
    Load,
    NewOptions,
    Nothing,
    Open,
    Opened,
    Suspects,
    encode,
    encode_audio,
)

OPTIONS: Final = SessionOptions(
    "en", ("vllm",), (("a", "b"),), (ScheduleStep(5_000, 300), ScheduleStep(None, 100))
)
MESSAGES: Final[dict[FrameType, msgspec.Struct]] = {
    FrameType.HELLO: Hello(LINK_VERSION, "0", 7, "http://h/metrics", "5f", "http://h/ends", 2.5),
    FrameType.OPEN: Open("call", OPTIONS, ORIGIN),
    FrameType.CONFIGURE: NewOptions(OPTIONS),
    FrameType.COMMIT: Nothing(),
    FrameType.STOP: Nothing(),
    FrameType.CLOSE: Nothing(),
    FrameType.PING: Nothing(),
    FrameType.SUSPECTS: Suspects((3,)),
    FrameType.OPENED: Opened(64_000),
    FrameType.CREDIT: Credit(8_000),
    FrameType.SPEECH: SpeechStarted(0, 512),
    FrameType.PARTIAL: Partial(0, 1, "ever", 512, 8_192),
    FrameType.FINAL: FinalEvent(0, "ever tried", 512, 9_000, 12_000, EndpointReason.SILENCE),
    FrameType.SETTLED: Settled(Checkpoint(11_000, 12_000, 1)),
    FrameType.COMMITTED: Committed(12_000),
    FrameType.STOPPED: Stopped(12_000),
    FrameType.FAILED: Failed("internal", "internal error"),
    FrameType.LOAD: Load(True, 3, 1, 20, 12_345, None),
    FrameType.DECODING: Decoding((3, 4)),
}
UINT32: Final = st.integers(0, 2**32 - 1)
UINT16: Final = st.integers(0, 2**16 - 1)


def read(wire: bytes) -> list[Frame]:
    return list(FrameDecoder().feed(wire))


def frames() -> st.SearchStrategy[bytes]:
    audio = st.builds(encode_audio, UINT32, UINT16, st.integers(0, 2**40), st.binary(max_size=200))
    message = st.tuples(st.sampled_from(sorted(MESSAGES)), UINT32, UINT16).map(
        lambda drawn: encode(drawn[0], MESSAGES[drawn[0]], stream=drawn[1], epoch=drawn[2])
    )
    return audio | message


def test_every_type_but_audio_has_a_payload() -> None:
    assert set(PAYLOADS) == set(MESSAGES) == set(FrameType) - {FrameType.AUDIO}


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.name)
def test_every_message_comes_back_as_it_was_sent(kind: FrameType) -> None:
    [frame] = read(encode(kind, MESSAGES[kind], stream=9, epoch=3))
    assert frame == Frame(kind=kind, stream=9, epoch=3, sequence=0, payload=MESSAGES[kind])


def test_audio_is_raw_and_carries_its_first_sample_modulo_32_bits() -> None:
    [frame] = read(encode_audio(9, 3, 2**32 + 5, b"\1\2\3\4"))
    assert frame == Frame(kind=FrameType.AUDIO, stream=9, epoch=3, sequence=5, payload=b"\1\2\3\4")


def test_header_is_sixteen_bytes_big_endian() -> None:
    assert HEADER.size == 16
    header = bytes.fromhex("00000002 00000002 03 00 0003 00000004")
    assert encode_audio(2, 3, 4, b"ab") == header + b"ab"


@given(st.lists(frames(), max_size=6), st.data())
def test_the_stream_may_be_cut_anywhere(sent: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    decoder = FrameDecoder()
    assert [frame for piece in pieces for frame in decoder.feed(piece)] == read(wire)


@given(st.lists(frames(), max_size=4))
def test_frames_come_out_byte_by_byte_as_soon_as_they_are_whole(sent: list[bytes]) -> None:
    decoder = FrameDecoder()
    for frame in sent:
        *before, last = [list(decoder.feed(frame[at : at + 1])) for at in range(len(frame))]
        assert not any(before)
        assert last == read(frame)


def test_a_length_up_to_the_limit_is_waited_for() -> None:
    assert read(HEADER.pack(MAX_PAYLOAD_BYTES, 1, FrameType.AUDIO, 0, 0, 0)) == []


def test_a_length_beyond_the_limit_cuts_the_link() -> None:
    with pytest.raises(LinkError, match=f"frame of {MAX_PAYLOAD_BYTES + 1} bytes"):
        read(HEADER.pack(MAX_PAYLOAD_BYTES + 1, 1, FrameType.AUDIO, 0, 0, 0))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (0, b"\x90"),
        (99, b"\x90"),
        (FrameType.OPEN, b""),
        (FrameType.OPEN, b"\x93\x01\x02\x03"),
        (FrameType.FAILED, b"\x92\xa1\xff\xa1\xff"),
        (FrameType.FINAL, msgspec.msgpack.encode([0, "text", 0, 1, 2, "whim"])),
        (FrameType.CREDIT, b"\x93\x01" + b"\x91" * 100_000 + b"\x01"),
    ],
    ids=["type 0", "type 99", "empty", "wrong types", "bad utf-8", "unknown reason", "deep nesting"],
)
def test_what_cannot_be_read_cuts_the_link(kind: int, body: bytes) -> None:
    with pytest.raises(LinkError, match=f"frame of type {kind} cannot be read"):
        read(HEADER.pack(len(body), 1, kind, 0, 0, 0) + body)


def test_frames_before_a_broken_one_are_still_delivered() -> None:
    decoded: list[Frame] = []
    with pytest.raises(LinkError):
        for frame in FrameDecoder().feed(encode_audio(1, 1, 0, b"ab") + HEADER.pack(0, 1, 99, 0, 0, 0)):
            decoded.append(frame)  # noqa: PERF402
    assert [frame.payload for frame in decoded] == [b"ab"]


@given(st.binary(max_size=80))
def test_no_bytes_make_the_decoder_fail_in_another_way(wire: bytes) -> None:
    try:
        decoded: list[Any] = read(wire)
    except LinkError:
        return
    assert all(isinstance(frame, Frame) for frame in decoded)


def test_a_newer_peer_may_add_fields_at_the_end() -> None:
    body = msgspec.msgpack.encode([8_000, "of a later version"])
    [frame] = read(HEADER.pack(len(body), 1, FrameType.CREDIT, 0, 0, 0) + body)
    assert frame.payload == Credit(8_000)
