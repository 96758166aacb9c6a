"""Text that goes on from what is already agreed on, instead of saying its audio again.

Two hypotheses of the same audio, the later one with more of it, agree up to some token: what is before it,
less a few tokens that more audio may still change, is given to the next decode as if it had said it
(LocalAgreement, Liu et al. 2020; Macháček et al. 2023).

Partials of a long segment hear a window of it. What is agreed of one window goes on in the next, from where
the next says the same; so the segment as a whole has agreed text, though no decode has heard all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

Tokens = tuple[int, ...]

ROLLBACK_TOKENS: Final = 4
"""The end of a hypothesis is what more audio changes: about a second of speech."""
# So many tokens in a row are not the same by chance.
_RECOGNISABLE_TOKENS: Final = 6


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """Tokens said of the audio up to the sample `end`."""

    end: int
    tokens: Tokens


@dataclass(slots=True)
class _Agreed:
    """What two hypotheses said, the earlier of which had heard the audio up to `end` only: more and more."""

    entries: list[_Hypothesis] = field(default_factory=list)

    @property
    def newest(self) -> _Hypothesis | None:
        return self.entries[-1] if self.entries else None

    def add(self, end: int, tokens: Tokens) -> None:
        if len(tokens) > (len(self.newest.tokens) if self.newest else 0):
            self.entries.append(_Hypothesis(end, tokens))

    def prefix(self, end: int) -> Tokens:
        """The most that was said of no more audio than up to `end`."""
        return next((agreed.tokens for agreed in reversed(self.entries) if agreed.end <= end), ())


@dataclass(slots=True)
class _Window:
    """Audio from one sample on. `front`: what the segment said before it; that, and what the window says
    behind its own first `shared` tokens, is one text. None while nobody knows where the one goes on."""

    start: int
    front: Tokens | None
    shared: int = 0
    agreed: _Agreed = field(default_factory=_Agreed)
    latest: _Hypothesis | None = None
    first_length: int = 0

    def heard(self, hypothesis: _Hypothesis) -> None:
        if self.latest is None:
            self.first_length = len(hypothesis.tokens)
        else:
            common = common_prefix(self.latest.tokens, hypothesis.tokens) - ROLLBACK_TOKENS
            self.agreed.add(self.latest.end, hypothesis.tokens[: max(0, common)])
        self.latest = hypothesis

    def go_on_from(self, earlier: _Hypothesis, known: int) -> None:
        """`earlier` is of the segment up to somewhere in this window: if both say the same there, they agree
        on that, and what the window says behind it is said of the segment. Not before the `known` tokens that
        are agreed on already, and not where only this window has heard: a phrase may come again."""
        assert self.latest is not None
        place = _where_they_meet(earlier.tokens, self.latest.tokens[: self.first_length])
        if place is not None and place[0] >= known:
            end, self.shared = (behind - ROLLBACK_TOKENS for behind in place)
            self.front = earlier.tokens[:end]
            self.agreed.add(earlier.end, self.latest.tokens[: self.shared])

    def of_segment(self, said: _Hypothesis | None) -> _Hypothesis | None:
        """What the window said, with what the segment said before it in front; None if that is unknown."""
        if self.front is None or said is None:
            return None
        return _Hypothesis(said.end, self.front + said.tokens[self.shared :])


class Continuation:
    """Of one segment: of its whole audio, and of the window that its partials hear."""

    def __init__(self) -> None:
        self._start: int | None = None
        self._agreed = _Agreed()
        self._earlier: _Hypothesis | None = None
        self._window: _Window | None = None

    def prefix(self, start: int, end: int) -> Tokens:
        """Tokens that a decode of [start, end) need not say again; no word of them was said behind `end`."""
        if self._window is not None and start == self._window.start:
            return self._window.agreed.prefix(end)
        return self._agreed.prefix(end) if start == self._start else ()

    def heard(self, start: int, end: int, tokens: Sequence[int]) -> None:
        """A hypothesis of [start, end), the prefix it was given included. The first begins with the segment;
        one that begins before the window does is of no use any more."""
        window = self._window_from(start)
        if start < window.start:
            return
        window.heard(_Hypothesis(end, tuple(tokens)))
        if window.front is None and self._earlier is not None:
            known = self._agreed.newest
            window.go_on_from(self._earlier, len(known.tokens) if known else 0)
        agreed = window.of_segment(window.agreed.newest)
        if agreed is not None:
            self._agreed.add(agreed.end, agreed.tokens)

    def _window_from(self, start: int) -> _Window:
        """The window there is, or the next one."""
        if self._window is None:
            self._start, self._window = start, _Window(start, front=())
        elif start > self._window.start:
            self._earlier = self._window.of_segment(self._window.latest)
            self._window = _Window(start, front=None)
        return self._window


def _where_they_meet(earlier: Tokens, later: Tokens) -> tuple[int, int] | None:
    """Of what both say in a row, the position behind it in either; None if there is nothing, or it is said
    twice. As near as possible to the end of the earlier, which the later has heard as well."""
    said: dict[Tokens, list[int]] = {}
    for place in range(_RECOGNISABLE_TOKENS, len(later) + 1):
        said.setdefault(later[place - _RECOGNISABLE_TOKENS : place], []).append(place)
    for end in range(len(earlier), _RECOGNISABLE_TOKENS - 1, -1):
        places = said.get(earlier[end - _RECOGNISABLE_TOKENS : end], [])
        if places:
            return (end, places[0]) if len(places) == 1 else None
    return None


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for position, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return position
    return min(len(one), len(other))
