"""Text that goes on from what is already agreed on, instead of saying its audio again.

Two hypotheses of the same audio, the later one with more of it, agree up to some token: what is before it,
less a few tokens that more audio may still change, is given to the next decode as if it had said it
(LocalAgreement, Liu et al. 2020; Macháček et al. 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

ROLLBACK_TOKENS: Final = 4
"""The end of a hypothesis is what more audio changes: about a second of speech."""
# So many tokens in a row are not the same by chance.
_RECOGNISABLE_TOKENS: Final = 8


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """Tokens said of the audio up to the sample `end`."""

    end: int
    tokens: tuple[int, ...]


@dataclass(slots=True)
class _Track:
    """The hypotheses of audio that begins at one sample. `agreed`: what two of them said, the earlier of
    which had heard the audio up to `end` only; each entry goes on from the one before."""

    latest: _Hypothesis | None = None
    agreed: list[_Hypothesis] = field(default_factory=list)

    def heard(self, hypothesis: _Hypothesis) -> None:
        if self.latest is not None:
            common = common_prefix(self.latest.tokens, hypothesis.tokens) - ROLLBACK_TOKENS
            known = len(self.agreed[-1].tokens) if self.agreed else 0
            if common > known:
                self.agreed.append(_Hypothesis(self.latest.end, hypothesis.tokens[:common]))
        self.latest = hypothesis

    def prefix(self, end: int) -> tuple[int, ...]:
        fitting = [agreed.tokens for agreed in self.agreed if agreed.end <= end]
        return fitting[-1] if fitting else ()


@dataclass(slots=True)
class Continuation:
    """Of one segment: of its whole audio, and of the window that partials hear once it is longer."""

    _tracks: dict[int, _Track] = field(default_factory=dict)
    _newest: _Hypothesis | None = None

    def prefix(self, start: int, end: int) -> tuple[int, ...]:
        """Tokens that a decode of [start, end) need not say again; no word of them was said behind `end`."""
        track = self._tracks.get(start)
        return () if track is None else track.prefix(end)

    def heard(self, start: int, end: int, tokens: Sequence[int]) -> None:
        """A hypothesis of [start, end), the prefix it was given included."""
        hypothesis = _Hypothesis(end, tuple(tokens))
        if start not in self._tracks:
            # The first begins with the segment; of the windows only the newest is heard again.
            for outdated in list(self._tracks)[1:]:
                del self._tracks[outdated]
            self._tracks[start] = _Track(_said_before(self._newest, hypothesis))
        self._tracks[start].heard(hypothesis)
        self._newest = hypothesis


def _said_before(earlier: _Hypothesis | None, later: _Hypothesis) -> _Hypothesis | None:
    """What an earlier hypothesis, of audio that began sooner, said from where the later one begins; None if
    that is not to be found in it."""
    if earlier is None:
        return None
    ends = (earlier.tokens[begin:] for begin in range(len(earlier.tokens)))
    common, said = max(((common_prefix(end, later.tokens), end) for end in ends), default=(0, ()))
    return _Hypothesis(earlier.end, said) if common >= _RECOGNISABLE_TOKENS else None


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for position, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return position
    return min(len(one), len(other))
