from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.locked import LockedSentences


class Line(msgspec.Struct, frozen=True):
    text: str


def locked(*texts: str) -> LockedSentences:
    sentences = LockedSentences()
    for text in texts:
        sentences.append(Line(text))
    return sentences


def test_without_sentences_the_list_is_empty() -> None:
    assert len(locked()) == 0
    assert bytes(locked().json) == b"[]"


@given(st.lists(st.text()))
def test_it_is_the_list_that_would_be_encoded_at_once(texts: list[str]) -> None:
    sentences = locked(*texts)
    assert len(sentences) == len(texts)
    assert bytes(sentences.json) == msgspec.json.encode([Line(text) for text in texts])


def test_what_was_put_into_a_message_stays_as_it_was() -> None:
    sentences = locked("Ever tried.")
    message = {"sentences": sentences.json}
    sentences.append(Line("Ever failed."))
    assert msgspec.json.decode(msgspec.json.encode(message)) == {"sentences": [{"text": "Ever tried."}]}


def test_until_there_is_more_the_list_is_made_once() -> None:
    sentences = locked("Ever tried.")
    assert sentences.json is sentences.json
