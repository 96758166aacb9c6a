from __future__ import annotations

import pytest

from common.origins import NotAnOrigin, allows, listed_origins, parse_origins

LISTED = parse_origins(["https://app.example", " HTTP://Localhost:8080 "])


@pytest.mark.parametrize("origin", ["https://app.example", "HTTPS://APP.example", "http://localhost:8080"])
def test_listed_origins_are_allowed_in_any_case(origin: str) -> None:
    assert allows(LISTED, origin)


@pytest.mark.parametrize(
    "origin",
    [
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil.example",
        "https://evil.example",
        "null",
        "",
    ],
)
def test_others_are_not(origin: str) -> None:
    assert not allows(LISTED, origin)


def test_who_is_no_browser_is_not_held_to_the_list() -> None:
    assert allows(LISTED, None)


def test_no_list_allows_any() -> None:
    assert allows(parse_origins([]), "https://evil.example")


@pytest.mark.parametrize("text", ["", "app.example", "https://app.example/", "https://", "https://a b", "*"])
def test_what_no_browser_would_send_is_refused(text: str) -> None:
    with pytest.raises(NotAnOrigin, match="not an origin"):
        parse_origins([text])


def test_a_list_has_commas_between() -> None:
    assert listed_origins("https://app.example, HTTP://localhost:8080,") == LISTED
    assert listed_origins(" ") == frozenset()
    with pytest.raises(NotAnOrigin, match=r"not an origin such as https://app.example:  b\.example"):
        listed_origins("https://a.example, b.example")
