"""Whether a peer that speaks regularly has fallen silent."""

from __future__ import annotations


class Pulse:
    """Whoever watches the peer looks at regular times. Looks are counted, not seconds: a process that stood
    still itself has heard nobody, but has not looked either."""

    def __init__(self, looks: int) -> None:
        """So many looks in a row may find that nothing was heard since the one before."""
        self._looks = looks
        self._unheard = 0

    def heard(self) -> None:
        """The peer has said something."""
        self._unheard = 0

    def is_silent(self) -> bool:
        """One more look."""
        self._unheard += 1
        return self._unheard > self._looks
