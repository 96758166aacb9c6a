from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, ValidationError

from common.setting_groups.reach import Live, Reach, Rolling, reach_of
from common.settings import Settings


class Group(BaseModel):
    limit: Live[int | None] = Field(default=None, ge=1)
    window: Rolling[int] = Field(default=8)
    port: int = Field(default=1, ge=1)


def test_reach_stands_with_the_setting() -> None:
    found = {name: reach_of(field) for name, field in Group.model_fields.items()}
    assert found == {"limit": Reach.LIVE, "window": Reach.ROLLING, "port": Reach.RESTART}


def test_values_are_checked_as_ever() -> None:
    assert Group.model_validate({"limit": "2"}).limit == 2
    with pytest.raises(ValidationError, match="limit"):
        Group(limit=0)


def test_what_others_rely_on_waits_for_a_restart() -> None:
    for name in ("port", "workers", "run_dir", "placement_seed", "redis_url", "engine", "model", "vad"):
        assert reach_of(Settings.model_fields[name]) is Reach.RESTART
