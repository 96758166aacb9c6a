from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadLanguage
from common.language import parse_language


@pytest.mark.parametrize("text", ["en", "zh-CN", "English", "中文", "Chinese (Cantonese)", "x" * 32])
def test_languages_are_names_or_codes(text: str) -> None:
    assert parse_language(f" {text} ") == text


@pytest.mark.parametrize("text", ["", "  "])
def test_no_language_means_that_it_is_detected(text: str) -> None:
    assert parse_language(text) is None


@pytest.mark.parametrize("text", ["1", "-en", "_", "en;rm", "en/us", "x" * 33, "a\nb", "e\0", "en."])
def test_other_languages_are_refused(text: str) -> None:
    with pytest.raises(BadLanguage):
        parse_language(text)


@given(st.text())
def test_any_text_is_a_language_none_or_refused(text: str) -> None:
    with contextlib.suppress(BadLanguage):
        language = parse_language(text)
        assert language is None or language == language.strip() != ""
