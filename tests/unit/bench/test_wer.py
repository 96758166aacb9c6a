from __future__ import annotations

from bench.wer import PassageScore, WerResult, score_of


def test_score_weighs_passages_by_their_words() -> None:
    passages = (PassageScore("a b c d e f g h i", "", 0, 9), PassageScore("a", "", 1, 1))
    score = score_of("sentences", 12.0, passages)
    assert (score.sessions, score.words, score.errors, score.wer) == (2, 10, 1, 0.1)


def test_worst_passages_come_first_and_right_ones_not_at_all() -> None:
    passages = (
        PassageScore("it is fine", "it is fine", 0, 3),
        PassageScore("the cat sat down", "the bat sat down", 1, 4),
        PassageScore("so it is", "", 3, 3),
    )
    _, worst = WerResult((score_of("sentences", 5.0, passages),)).tables()
    assert worst.rows == ((3, "so it is", "so it is > –"), (1, "the cat sat down", "cat > bat"))


def test_long_passages_show_the_places_that_differ_and_not_the_rest() -> None:
    reference = " ".join(["right", "wrong"] * 100)
    passage = PassageScore(reference, reference.replace("wrong", "write"), 100, 200)
    _, worst = WerResult((score_of("joined", 60.0, (passage,)),)).tables()
    [(errors, shown, places)] = worst.rows
    assert errors == 100
    assert len(str(shown)) <= 72
    assert str(places).count("wrong > write") == 20
    assert str(places).endswith("…")


def test_joined_and_alone_stand_side_by_side() -> None:
    passages = (PassageScore("it is", "it is", 0, 2),)
    scores = (score_of("joined", 5.0, passages), score_of("its parts alone", 6.0, passages))
    summary, *_ = WerResult(scores).tables()
    assert [row[0] for row in summary.rows] == ["joined", "its parts alone"]
    assert [len(row) for row in summary.rows] == [len(summary.columns)] * 2
