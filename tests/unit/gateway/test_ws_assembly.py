from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from common.errors import BadText, FrameTooLarge
from gateway.ws_assembly import Assembly


def frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> Frame:
    return Frame(opcode, data, fin)


def test_single_frames_are_messages_of_their_kind() -> None:
    assembly = Assembly(10)
    assert assembly.push(frame(Opcode.TEXT, b"abc")) == "abc"
    assert assembly.push(frame(Opcode.BINARY, b"abc")) == b"abc"


def test_fragments_are_joined_and_the_next_message_starts_empty() -> None:
    assembly = Assembly(10)
    assert assembly.push(frame(Opcode.BINARY, b"ab", fin=False)) is None
    assert assembly.push(frame(Opcode.CONT, b"cd", fin=False)) is None
    assert assembly.push(frame(Opcode.CONT, b"ef")) == b"abcdef"
    assert assembly.push(frame(Opcode.TEXT, b"g")) == "g"


def test_control_frames_between_fragments_change_nothing() -> None:
    assembly = Assembly(10)
    assembly.push(frame(Opcode.TEXT, b"a", fin=False))
    assert assembly.push(frame(Opcode.PING, b"ping")) is None
    assert assembly.push(frame(Opcode.CONT, b"b")) == "ab"


def test_character_may_be_cut_by_a_fragment() -> None:
    assembly = Assembly(10)
    data = "中".encode()
    assert assembly.push(frame(Opcode.TEXT, data[:1], fin=False)) is None
    assert assembly.push(frame(Opcode.CONT, data[1:])) == "中"


def test_empty_message_is_a_message() -> None:
    assembly = Assembly(10)
    assert assembly.push(frame(Opcode.BINARY, b"")) == b""
    assembly.push(frame(Opcode.TEXT, b"", fin=False))
    assert assembly.push(frame(Opcode.CONT, b"")) == ""


@pytest.mark.parametrize("data", [b"\xff", b"\xc3", b"\xed\xa0\x80"], ids=["byte", "cut", "surrogate"])
def test_text_that_is_not_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(BadText):
        Assembly(10).push(frame(Opcode.TEXT, data))


def test_largest_message_passes_and_one_byte_more_does_not() -> None:
    assembly = Assembly(4)
    assert assembly.push(frame(Opcode.BINARY, b"1234")) == b"1234"
    with pytest.raises(FrameTooLarge):
        assembly.push(frame(Opcode.BINARY, b"12345"))


def test_fragments_count_together_and_are_refused_before_the_last() -> None:
    assembly = Assembly(4)
    assembly.push(frame(Opcode.BINARY, b"123", fin=False))
    with pytest.raises(FrameTooLarge):
        assembly.push(frame(Opcode.CONT, b"45", fin=False))
