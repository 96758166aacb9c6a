from __future__ import annotations

import socket
import struct
import sys

import pytest

from client.vanished import LEAST_REPEATS, TCP_INFO_BYTES, PeerSilence, Watch

LIMIT_S = 15.0


def silent(heard_s: float, repeats: int = LEAST_REPEATS) -> PeerSilence:
    return PeerSilence(repeats, heard_s)


def answered(heard_s: float = 0.1) -> PeerSilence:
    return PeerSilence(0, heard_s)


def seen(*looks: tuple[float, PeerSilence]) -> list[bool]:
    """`now`, and what the kernel tells then."""
    watch = Watch(LIMIT_S)
    return [watch.vanished(silence, now) for now, silence in looks]


def test_whoever_leaves_repeats_unanswered_for_the_limit_has_vanished() -> None:
    looks = (100.0, silent(0.5, 1)), (114.9, silent(15.4, 6)), (115.0, silent(15.5, 6))
    assert seen(*looks) == [False, False, True]


def test_a_peer_that_is_asked_nothing_may_be_silent_for_ever() -> None:
    assert seen((0.0, answered(5)), (1_000.0, answered(1_005))) == [False, False]


def test_a_few_repeats_may_get_lost_however_long_that_takes() -> None:
    looks = (0.0, silent(1, 1)), (50.0, silent(51, LEAST_REPEATS - 1)), (51.0, silent(52))
    assert seen(*looks) == [False, False, True]


def test_silence_before_the_first_repeat_does_not_count() -> None:
    """An idle connection was silent for minutes, then a packet is lost."""
    assert seen((0.0, silent(300, 1)), (5.0, silent(305)), (15.0, silent(315))) == [False, False, True]


def test_an_answer_between_two_looks_counts_although_there_are_repeats_again() -> None:
    assert seen((0.0, silent(1)), (15.0, silent(2)), (28.0, silent(15))) == [False, False, True]


def test_whoever_has_answered_has_the_whole_limit_again() -> None:
    looks = (0.0, silent(1)), (14.0, answered()), (16.0, silent(2)), (30.0, silent(16)), (31.0, silent(17))
    assert seen(*looks) == [False, False, False, False, True]


@pytest.mark.parametrize(("retransmits", "probes"), [(3, 0), (0, 3)])
def test_data_and_questions_for_room_are_repeats(retransmits: int, probes: int) -> None:
    told = struct.pack("=8B13I", 1, 4, retransmits, probes, 3, 7, 0, 0, *range(11), 4_000, 2_500)
    assert PeerSilence.of(told) == PeerSilence(3, 2.5)


def test_data_that_came_is_heard_too() -> None:
    told = struct.pack("=8B13I", 1, 4, 1, 0, 1, 7, 0, 0, *range(11), 1_250, 2_500)
    assert PeerSilence.of(told) == PeerSilence(1, 1.25)


@pytest.mark.skipif(sys.platform != "linux", reason="no other system has struct tcp_info like that")
def test_the_kernel_tells_of_a_connection_that_is_well() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as near,
        server.accept()[0] as far,
    ):
        far.sendall(b"a")
        near.recv(1)
        told = near.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    silence = PeerSilence.of(told)
    assert silence.repeats == 0
    assert silence.heard_s < 5
