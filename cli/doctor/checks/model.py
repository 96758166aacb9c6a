"""The files of a model that has to be prepared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cli.doctor.finding import Cause, Finding
from common.settings import Settings

_GIB: Final = 2**30
_WORKERS_END: Final = "`voxshard serve` ends with code 2"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`fetched`: it is an id at a hub, and nothing else is known. `missing`: there is no such folder.
    `forbidden`: what this user may not read of it. `incomplete`: why what is there is no whole checkpoint.
    `broken`: files of weights that cannot be read, each with the reason. `prepared`: what was made of it is
    there and up to date; `target`: where it is made, which takes `needed` bytes, and `free` are there;
    `target_trouble`: why it cannot be made there.
    """

    model: str = ""
    fetched: bool = False
    missing: bool = False
    forbidden: str | None = None
    incomplete: str | None = None
    broken: tuple[tuple[str, str], ...] = ()
    prepared: bool = True
    target: str = ""
    target_trouble: str | None = None
    needed: int = 0
    free: int = 0


def check_model(settings: Settings, facts: ModelFacts) -> Iterator[Finding]:
    if facts.fetched:
        yield Finding(
            Cause.MODEL_NOT_HERE,
            f"{facts.model} is no folder, and is looked up at the hub (--hub {settings.hub})",
            "the first start fetches it, which takes as long as the network does",
            f"voxshard worker prepare {facts.model} --hub {settings.hub}",
        )
    elif facts.missing:
        yield Finding(
            Cause.MODEL_MISSING,
            f"there is no model folder {facts.model}" if facts.model else "no model is given",
            _WORKERS_END,
            "correct --model: a folder, or an id at the hub, OWNER/NAME",
        )
    elif facts.forbidden is not None:
        yield Finding(
            Cause.MODEL_FORBIDDEN,
            f"this user may not read {facts.forbidden}",
            _WORKERS_END,
            f"chmod -R a+rX {facts.model}, as its owner; or start Voxshard as that user",
        )
    elif facts.incomplete is not None:
        yield Finding(
            Cause.MODEL_INCOMPLETE,
            facts.incomplete,
            _WORKERS_END,
            f"fetch {facts.model} again, as a whole; if that is another model, correct --model or --engine",
        )
    else:
        yield from _check_weights(facts)


def _check_weights(facts: ModelFacts) -> Iterator[Finding]:
    for path, why in facts.broken:
        remade = bool(facts.target) and path.startswith(f"{facts.target}/")
        yield Finding(
            Cause.WEIGHTS_BROKEN,
            f"{path} cannot be read: {why}",
            "the copy was cut short or damaged; workers end with code 3, or load what is wrong",
            f"rm -r {facts.target} && voxshard worker prepare {facts.model}"
            if remade
            else f"fetch {path} again",
        )
    if facts.prepared or facts.broken:
        return
    if facts.target_trouble is not None:
        yield Finding(
            Cause.CANNOT_PREPARE,
            facts.target_trouble,
            "the model is not prepared, or was changed since, and no worker starts without that",
            "choose a folder of its own with --prepared, in one that this user may write",
        )
    elif facts.free < facts.needed:
        yield Finding(
            Cause.NO_SPACE_TO_PREPARE,
            f"{facts.free / _GIB:.1f} GiB are free at {facts.target}",
            f"the prepared model takes {facts.needed / _GIB:.1f} GiB, and no worker starts without it",
            f"free some: df -h {facts.target.rpartition('/')[0]}; or choose another disk with --prepared",
        )
    else:
        yield Finding(
            Cause.MODEL_UNPREPARED,
            f"{facts.model} is not prepared, or was changed since",
            "the first start takes minutes longer",
            f"voxshard worker prepare {facts.model}",
        )
