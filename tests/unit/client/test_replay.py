from __future__ import annotations

import pytest

from client.replay import COMMIT, KEPT, STOP, Replay, ReplayGap
from common.audio import SAMPLE_RATE

SECOND = SAMPLE_RATE


def pcm(first: int, end: int) -> bytes:
    """Each sample tells its number."""
    return b"".join((number % 65_536).to_bytes(2, "little") for number in range(first, end))


def keeping(*messages: bytes | str) -> Replay:
    replay = Replay()
    replay.keeps = True
    for message in messages:
        replay.add(message)
    return replay


def told(replay: Replay) -> list[bytes | str]:
    """All that is to be told now."""
    messages = []
    while (message := replay.next()) is not None:
        messages.append(message)
    return messages


def test_what_is_said_is_told_once_and_as_it_was_said() -> None:
    replay = keeping(pcm(0, 100))
    assert told(replay) == [pcm(0, 100)]
    replay.add(COMMIT)
    replay.add(pcm(100, 150))
    replay.add(STOP)
    assert told(replay) == [COMMIT, pcm(100, 150), STOP]
    assert told(replay) == []


def test_it_is_known_whether_stop_was_ever_told() -> None:
    replay = keeping(pcm(0, 100), STOP)
    known = [replay.stop_told]
    told(replay)
    known.append(replay.stop_told)
    replay.begin_again(0)
    assert [*known, replay.stop_told] == [False, True, True]


def test_audio_that_waited_comes_in_pieces_of_a_second_up_to_each_command() -> None:
    replay = keeping(bytes(5 * SECOND), COMMIT, bytes(2 * SECOND))
    lengths = [message if isinstance(message, str) else len(message) // 2 for message in told(replay)]
    assert lengths == [SECOND, SECOND, SECOND // 2, COMMIT, SECOND]


def test_another_connection_is_told_all_that_is_not_settled() -> None:
    replay = keeping(pcm(0, 100), pcm(100, 200))
    told(replay)
    replay.settled(130)
    replay.begin_again(150)
    assert told(replay) == [pcm(150, 200)]


def test_commands_without_an_answer_are_told_again_at_their_places() -> None:
    replay = keeping(pcm(0, 100), COMMIT, pcm(100, 200), COMMIT, pcm(200, 300), STOP)
    told(replay)
    assert replay.answered(1_000)
    replay.begin_again(150)
    assert told(replay) == [pcm(150, 200), COMMIT, pcm(200, 300), STOP]


def test_a_commit_behind_what_is_settled_is_told_again_though_it_was_answered() -> None:
    """The sentence in front of it may be decoded again, and has to be cut there again."""
    replay = keeping(pcm(0, 100), COMMIT, pcm(100, 200))
    told(replay)
    assert replay.answered(1_000)
    replay.begin_again(50)
    assert told(replay) == [pcm(50, 100), COMMIT, pcm(100, 200)]
    assert not replay.answered(1_000)
    replay.settled(100)
    replay.begin_again(100)
    assert told(replay) == [pcm(100, 200)]


def test_without_acks_a_commit_is_forgotten_with_its_answer() -> None:
    replay = Replay()
    for _ in range(2_000):
        assert replay.has_room(COMMIT)
        replay.add(COMMIT)
        assert told(replay) == [COMMIT]
        assert replay.answered(0)
        replay.settled(0)


def test_a_command_whose_place_is_settled_is_told_first() -> None:
    replay = keeping(pcm(0, 100), COMMIT, pcm(100, 200))
    told(replay)
    replay.begin_again(120)
    assert told(replay) == [COMMIT, pcm(120, 200)]


def test_only_a_commit_that_was_told_can_be_answered() -> None:
    replay = keeping(COMMIT, STOP)
    replay.answered(1_000)
    assert told(replay) == [COMMIT, STOP]
    for _ in range(3):
        replay.answered(1_000)
    replay.begin_again(0)
    assert told(replay) == [STOP]


def test_an_answer_that_nobody_asked_for_is_none_to_a_later_commit() -> None:
    replay = keeping(pcm(0, 1_600), COMMIT)
    told(replay)
    replay.answered(99)
    replay.begin_again(1_600)
    assert told(replay) == [COMMIT]
    replay.answered(100)
    replay.begin_again(1_600)
    assert told(replay) == []


def test_what_was_not_told_is_not_settled() -> None:
    replay = keeping(pcm(0, 100))
    told(replay)
    replay.add(pcm(100, 200))
    replay.settled(180)
    assert told(replay) == [pcm(100, 200)]


def test_audio_that_is_gone_is_a_gap() -> None:
    replay = keeping(pcm(0, 200))
    told(replay)
    replay.settled(150)
    with pytest.raises(ReplayGap, match="from sample 149 on is needed, and kept from sample 150") as gap:
        replay.begin_again(149)
    assert (gap.value.wanted, gap.value.kept) == (149, 150)


def test_nobody_settles_audio_that_was_never_said() -> None:
    with pytest.raises(ValueError, match="sample 101 is settled of 100"):
        keeping(pcm(0, 100)).begin_again(101)


def test_there_is_room_for_two_minutes_that_are_not_settled() -> None:
    replay = keeping(bytes(2 * (KEPT - SECOND)))
    assert replay.has_room(bytes(2 * SECOND))
    assert not replay.has_room(bytes(2 * SECOND + 2))
    assert replay.has_room(COMMIT)
    told(replay)
    replay.settled(SECOND)
    assert replay.has_room(bytes(4 * SECOND))


def test_audio_that_is_longer_than_all_room_goes_in_alone() -> None:
    assert Replay().has_room(bytes(2 * KEPT + 2))


def test_orders_without_an_answer_are_bounded() -> None:
    replay = keeping(*[COMMIT] * 1_023)
    assert replay.has_room(COMMIT)
    replay.add(COMMIT)
    assert not replay.has_room(COMMIT)


def test_what_was_told_can_be_given_up_for_room() -> None:
    replay = keeping(bytes(2 * KEPT))
    replay.forget()
    assert replay.kept == KEPT
    told(replay)
    replay.forget()
    assert replay.kept == KEPT // 2
    with pytest.raises(ReplayGap):
        replay.begin_again(0)


def test_who_keeps_nothing_forgets_what_was_told() -> None:
    replay = Replay()
    replay.add(pcm(0, 100))
    assert told(replay) == [pcm(0, 100)]
    assert (replay.kept, replay.end) == (0, 100)
