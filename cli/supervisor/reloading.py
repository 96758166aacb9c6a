"""What new settings change while all runs, and what has to be started anew for them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from common.setting_groups.reach import Reach, reach_of
from common.settings import Settings


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of settings that differ, by how far they reach."""

    live: tuple[str, ...] = ()
    rolling: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


def changes(old: Settings, new: Settings) -> Changes:
    differing = [name for name in Settings.model_fields if getattr(old, name) != getattr(new, name)]

    def reaching(reach: Reach) -> tuple[str, ...]:
        return tuple(name for name in differing if _reach(name) is reach)

    return Changes(reaching(Reach.LIVE), reaching(Reach.ROLLING), reaching(Reach.RESTART))


def adopted(settings: Settings, new: Settings) -> Settings:
    """`settings` with all of `new` that does not have to wait for a restart."""
    taken = [name for name in Settings.model_fields if _reach(name) is not Reach.RESTART]
    return settings.model_copy(update={name: getattr(new, name) for name in taken})


def _reach(name: str) -> Reach:
    return reach_of(Settings.model_fields[name])
