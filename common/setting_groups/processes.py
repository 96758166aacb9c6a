"""What an instance is made of."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from common.setting_groups.checked import Port
from common.setting_groups.reach import Rolling


class Processes(BaseModel):
    workers: int = Field(default=2, ge=0, le=64, description="worker processes; with Redis also none")
    gateways: int = Field(default=1, ge=0, le=64, description="gateway processes; with Redis also none")
    proxied: bool = Field(
        default=False, description="each gateway on ports of its own, for a proxy in front of them"
    )
    gateway_port: Port = Field(
        default=11_095, description="live port of gateway 0 behind a proxy, then +1 each"
    )
    gateway_http_port: Port = Field(
        default=18_899, description="HTTP port of gateway 0 behind a proxy, then +1 each"
    )
    pin_cores: Rolling[bool] = Field(
        default=True, description="each worker on processor cores of its own (Linux)"
    )
    run_dir: Path | None = Field(
        default=None, description="folder of the link sockets; made and removed if not given"
    )
    placement_seed: str = Field(
        default="", description="secret of the placement hash; made at start if not given"
    )
