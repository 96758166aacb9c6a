from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadSessionId
from common.ids import checked_session_id, following_session_id, new_session_id


def test_server_made_ids_are_valid_and_differ() -> None:
    ids = {new_session_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(checked_session_id(made) == made for made in ids)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", fullmatch=True))
def test_allowed_ids_are_taken_as_given(text: str) -> None:
    assert checked_session_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "a" * 129, "a b", "a/b", "a\n", "-a", ".a", "é", "a\0", "a%20", "\N{ARABIC-INDIC DIGIT ONE}"]
)
def test_other_ids_are_refused(text: str) -> None:
    with pytest.raises(BadSessionId):
        checked_session_id(text)


@given(st.text(max_size=140))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    with contextlib.suppress(BadSessionId):
        assert checked_session_id(text).isascii()


def test_later_sessions_of_a_connection_are_numbered_from_two() -> None:
    assert [following_session_id("call", number) for number in (1, 2, 3)] == ["call", "call-2", "call-3"]
