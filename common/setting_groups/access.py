"""Who may connect, and who is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from common.origins import listed_origins
from common.proxies import parse_proxies
from common.setting_groups.checked import checked_by
from common.setting_groups.reach import Rolling

_Origins = Annotated[str, checked_by(listed_origins)]
_Proxies = Annotated[str, checked_by(parse_proxies)]


class Access(BaseModel):
    tenants_file: Rolling[Path | None] = Field(
        default=None, description="who may connect, with keys and quotas; everybody if not given"
    )
    allowed_origins: Rolling[_Origins] = Field(
        default="", description="origins of web pages that may connect, with commas between; any if not given"
    )
    trusted_proxies: Rolling[_Proxies] = Field(
        default="127.0.0.1,::1",
        description="proxies whose X-Forwarded-For counts: addresses and networks, with commas between",
    )
