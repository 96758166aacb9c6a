"""Whether the registry answers, for those who ask it and for those who watch."""

from __future__ import annotations

import logging

from gateway.metrics import GatewayMetrics
from gateway.registry.base import RegistryAway

log = logging.getLogger(__name__)


class Health:
    """Away until it has answered."""

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._metrics = metrics
        self._up: bool | None = None
        metrics.registry_up(False)

    @property
    def up(self) -> bool:
        return self._up is True

    def answered(self) -> None:
        if self._up is not True:
            log.info("registry answers")
        self._set(True)

    def failed(self, error: RegistryAway) -> None:
        if self._up is not False:
            log.warning(
                "registry away: session ids are unique in this gateway only", extra={"cause": str(error)}
            )
        self._set(False)

    def _set(self, up: bool) -> None:
        self._up = up
        self._metrics.registry_up(up)
