"""The file in which a supervisor tells its children their settings, now and when they have changed."""

from __future__ import annotations

from pathlib import Path

from common.settings import settings_from_file

_Seen = tuple[int, int]


class SettingsFile:
    """Only ever replaced as a whole, so that it can be read at any time. Raises `OSError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Before it is read: who replaces it in between is seen later.
        self._seen = self._look()
        self.settings = settings_from_file(path)

    def changed(self) -> bool:
        """Whether `settings` are new ones since the last call. To be asked a few times a second."""
        seen = self._look()
        # A supervisor that ends takes it away.
        if seen is None or seen == self._seen:
            return False
        self._seen = seen
        self.settings = settings_from_file(self._path)
        return True

    def _look(self) -> _Seen | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino
