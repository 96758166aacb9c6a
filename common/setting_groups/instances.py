"""How instances find each other."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from common.addresses import check_advertise_host, check_redis_url
from common.setting_groups.checked import checked_by

_RedisUrl = Annotated[str, checked_by(check_redis_url)]
_Host = Annotated[str, checked_by(check_advertise_host)]


class Instances(BaseModel):
    redis_url: _RedisUrl | None = Field(
        default=None,
        repr=False,
        description="Redis that gateways share, redis://, rediss:// or unix://; each for itself if not given",
    )
    advertise_host: _Host | None = Field(
        default=None, description="address of this host for the others; that towards Redis if not given"
    )
