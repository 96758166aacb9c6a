from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline.stitch import stitched

WORDS = st.lists(st.sampled_from([f"word{number}" for number in range(400)]), min_size=8, unique=True)


def test_a_window_that_goes_on_adds_what_is_new() -> None:
    assert stitched("the quick brown fox jumps over", "brown fox jumps over the lazy dog") == (
        "the quick brown fox jumps over the lazy dog"
    )


def test_a_word_cut_in_half_at_the_start_of_the_window_is_left_out() -> None:
    assert stitched("the quick brown fox jumps over", "own fox jumps over the lazy") == (
        "the quick brown fox jumps over the lazy"
    )


def test_the_window_is_right_about_what_both_heard() -> None:
    assert stitched("we walked along the river bed", "walked along the river bank today") == (
        "we walked along the river bank today"
    )


def test_case_and_punctuation_do_not_matter() -> None:
    assert (
        stitched("It was late. We went home,", "we went home and slept")
        == "It was late. We went home and slept"
    )


def test_texts_with_nothing_in_common_are_not_joined() -> None:
    assert stitched("the quick brown fox", "some other words entirely") is None


def test_two_common_words_are_chance() -> None:
    assert stitched("he went to the market and of the sea", "of the other kind of thing") is None


def test_nothing_shown_yet_is_not_joined() -> None:
    assert stitched("", "the quick brown fox") is None


def test_text_without_blanks_is_joined_by_character() -> None:
    assert stitched("今天天气很好我们去公园", "很好我们去公园散步吧") == "今天天气很好我们去公园散步吧"


def test_a_phrase_repeated_far_back_is_not_taken_for_the_overlap() -> None:
    shown = (
        "it was the age of wisdom " + "and many other things were said then " * 3 + "it was the age of iron"
    )
    assert stitched(shown, "it was the age of iron and steel") == shown + " and steel"


@given(words=WORDS, data=st.data())
def test_windows_over_the_same_words_give_the_words(words: list[str], data: st.DataObject) -> None:
    middle = data.draw(st.integers(4, len(words) - 1))
    start = data.draw(st.integers(0, middle - 4))
    text = " ".join(words)
    assert stitched(" ".join(words[:middle]), " ".join(words[start:])) == text
