from __future__ import annotations

import ctypes

import pytest

from worker.memory import IdleTrimmer, trim_heap


def test_memory_is_given_back_once_after_the_start_and_whenever_the_last_session_has_gone() -> None:
    trimmer = IdleTrimmer()
    assert [trimmer.observe(sessions) for sessions in (0, 0, 1, 2, 0, 0, 1, 0)] == [
        True,
        False,
        False,
        False,
        True,
        False,
        False,
        True,
    ]


def test_the_start_is_over_only_when_nobody_is_there() -> None:
    trimmer = IdleTrimmer()
    assert [trimmer.observe(sessions) for sessions in (1, 0)] == [False, True]


def test_a_c_library_without_malloc_trim_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    trim_heap()
