from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.text import join_texts


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        ([], ""),
        (["Ever tried."], "Ever tried."),
        (["Ever tried.", "Ever failed."], "Ever tried. Ever failed."),
        (["你好。", "再见。"], "你好。再见。"),
        (["こんにちは", "さようなら"], "こんにちはさようなら"),
        (["用", "vLLM", "推理"], "用vLLM推理"),
        (["안녕", "세상"], "안녕 세상"),
        (["", "a", "", "b", ""], "a b"),
    ],
)
def test_a_space_stands_between_sentences_of_scripts_that_have_spaces(texts: list[str], joined: str) -> None:
    assert join_texts(texts) == joined


@given(st.lists(st.text(max_size=5), max_size=5))
def test_joining_adds_nothing_but_spaces(texts: list[str]) -> None:
    assert join_texts(texts).replace(" ", "") == "".join(texts).replace(" ", "")
