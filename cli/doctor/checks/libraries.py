"""The libraries of an engine on vLLM: whether they fit each other, and the driver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement

from cli.doctor.finding import Cause, Finding
from common.settings import Settings

_INSTALL = "pip install -e '.[client,server,gpu]', in one call, so that pip finds versions that fit"

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LibraryFacts:
    """`missing`: packages that are not there. `unsupported`: why this vLLM is none for us. `wanted`: what
    vLLM asks for; `installed`: versions by its names. `torch_cuda`: of CUDA that torch was built with; None
    for a build without. `driver`: newest CUDA that the driver knows; `driver_trouble`: why there is none."""

    missing: tuple[str, ...] = ()
    unsupported: str | None = None
    installed: dict[str, str] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()
    torch_cuda: Version | None = None
    driver: Version | None = None
    driver_trouble: str | None = None


def check_libraries(settings: Settings, facts: LibraryFacts) -> Iterator[Finding]:
    if facts.missing:
        yield Finding(
            Cause.PACKAGES_MISSING,
            f"not installed: {', '.join(facts.missing)}",
            f"engine {settings.engine} does not start",
            _INSTALL,
        )
        return
    if facts.unsupported is not None:
        yield Finding(Cause.VLLM_UNSUPPORTED, facts.unsupported, "workers end with code 3", _INSTALL)
    clashes = list(_clashes(facts))
    if clashes:
        yield Finding(
            Cause.VERSIONS_CLASH,
            f"vLLM asks for {'; '.join(clashes)}",
            "vLLM's kernels are built for that one: it does not load, or gives wrong results",
            _INSTALL,
        )
    if settings.device != "cpu":
        yield from _check_cuda(settings, facts)


def _clashes(facts: LibraryFacts) -> Iterator[str]:
    for line in facts.wanted:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        installed = facts.installed.get(wanted.name)
        applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if installed and applies and not wanted.specifier.contains(installed, prereleases=True):
            yield f"{wanted.name}{wanted.specifier}, {installed} is installed"


def _check_cuda(settings: Settings, facts: LibraryFacts) -> Iterator[Finding]:
    if facts.driver is None:
        # Without a card `auto` is the processor, and no CUDA is needed.
        if settings.device != "auto":
            yield _no_driver(facts)
    elif facts.torch_cuda is None:
        yield Finding(
            Cause.TORCH_WITHOUT_CUDA,
            "this torch was built without CUDA",
            "the card is not used",
            _INSTALL,
        )
    # Within a major version older drivers do.
    elif facts.driver[0] < facts.torch_cuda[0]:
        yield Finding(
            Cause.DRIVER_TOO_OLD,
            f"the driver knows CUDA up to {_text(facts.driver)}, torch has {_text(facts.torch_cuda)}",
            "no kernel loads",
            "install a newer driver, then reboot: 580 at least for CUDA 13, 525 for CUDA 12",
        )


def _no_driver(facts: LibraryFacts) -> Finding:
    return Finding(
        Cause.DRIVER_MISSING,
        f"NVIDIA's driver cannot be asked ({facts.driver_trouble})",
        "there is no card for --device cuda",
        "look at `nvidia-smi`: install the driver, or give the container its card: docker run --gpus all",
    )


def _text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
