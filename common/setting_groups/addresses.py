"""Where an instance listens."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from common.addresses import check_host
from common.setting_groups.checked import Port, checked_by

_Host = Annotated[str, checked_by(check_host)]


class Addresses(BaseModel):
    host: _Host = Field(default="127.0.0.1", description="address of the live port")
    port: Port = Field(default=10_095, description="live streams (WebSocket)")
    http_host: _Host = Field(default="127.0.0.1", description="address of the HTTP port")
    http_port: Port = Field(default=8_899, description="HTTP: health, metrics, workers")
    ops_host: _Host = Field(default="127.0.0.1", description="address of each process's own ops port")
    gateway_ops_port: Port = Field(default=9_400, description="ops port of gateway 0, then +1 each")
    worker_ops_port: Port = Field(default=9_500, description="ops port of worker 0, then +1 each")
    supervisor_ops_port: Port = Field(default=9_600, description="ops port of the supervisor")
    link_port: Port = Field(default=9_700, description="links of other hosts to worker 0, then +1 each")
