"""From a request on the live port to the handler that answers it."""

from __future__ import annotations

import logging

from common.clock import Clock, UnixClock
from common.errors import OriginRefused, VoxshardError
from common.origins import listed_origins
from common.settings import Settings
from gateway.access.doors import Doors, OpenDoors, TenantDoors
from gateway.access.tenants import BadTenants
from gateway.access.tenants_file import TenantsFile
from gateway.boot import BootFailed
from gateway.connection import Handler, Request
from gateway.dialects.start_stop import StartStopDialect
from gateway.live import LiveConnection
from gateway.live_services import LiveServices
from gateway.metrics import GatewayMetrics
from gateway.quotas.choice import make_quotas
from gateway.refusal import RefusedConnection

log = logging.getLogger(__name__)


def make_doors(settings: Settings, clock: Clock, metrics: GatewayMetrics) -> Doors:
    """Raises `BootFailed` for a tenants file or a Redis address that cannot be used."""
    origins = listed_origins(settings.allowed_origins)
    if settings.tenants_file is None:
        log.info("no tenants file: no key is asked for")
        return OpenDoors(origins)
    try:
        file = TenantsFile(settings.tenants_file, clock, UnixClock())
    except BadTenants as error:
        raise BootFailed(str(error)) from None
    quotas = make_quotas(settings.redis_url, clock, metrics)
    return TenantDoors(file, origins, quotas, clock, metrics.tenants)


def let_in(request: Request, doors: Doors, services: LiveServices) -> Handler:
    """The handler of a connection. Raises the `VoxshardError` that refuses it."""
    try:
        return LiveConnection(services, doors.admit(request))
    except VoxshardError as error:
        services.metrics.rejected(error.code)
        if not _is_page(request) or isinstance(error, OriginRefused):
            raise
        # A script in a browser cannot see the status of an upgrade that failed: to it, a key that has
        # expired would look like a server that is down.
        return RefusedConnection(error, StartStopDialect(services.options), services.metrics)


def _is_page(request: Request) -> bool:
    return request.header("origin") is not None
