"""Whether the registry answers, for those who ask it and for those who watch."""

from __future__ import annotations

import logging
from collections.abc import Callable

from common.registry.base import RegistryAway

log = logging.getLogger(__name__)


class Health:
    """Away until it has answered. `report` sets its metric; `alone` says what it means that it is away."""

    def __init__(self, report: Callable[[bool], None], alone: str) -> None:
        self._report = report
        self._alone = alone
        self._up: bool | None = None
        report(False)

    @property
    def up(self) -> bool:
        return self._up is True

    def answered(self) -> None:
        if self._up is not True:
            log.info("registry answers")
        self._set(True)

    def failed(self, error: RegistryAway) -> None:
        if self._up is not False:
            log.warning("registry away: %s", self._alone, extra={"cause": str(error)})
        self._set(False)

    def _set(self, up: bool) -> None:
        self._up = up
        self._report(up)
