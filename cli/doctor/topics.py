"""What is looked at, for given settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from cli.doctor.checks.card import check_card
from cli.doctor.checks.engine import check_detector, check_engine
from cli.doctor.checks.host import check_folders, check_host, check_ports
from cli.doctor.checks.libraries import check_libraries
from cli.doctor.checks.model import check_model
from cli.doctor.checks.redis_server import check_redis
from cli.doctor.checks.settings import check_files
from cli.doctor.gather import Topic
from cli.doctor.probes import engine
from cli.doctor.probes.card import probe_card
from cli.doctor.probes.detector import probe_detector
from cli.doctor.probes.host import probe_folders, probe_host, probe_ports
from cli.doctor.probes.libraries import probe_libraries
from cli.doctor.probes.model import probe_model
from cli.doctor.probes.redis_server import probe_redis
from cli.doctor.probes.settings import probe_files
from common.settings import Settings
from worker.engines.preparation import needs_preparation

_ALWAYS: Final = (
    Topic("ports", probe_ports, check_ports),
    Topic("folders", probe_folders, check_folders),
    Topic("memory and files", probe_host, check_host),
    Topic("tenants and hotwords", probe_files, check_files),
)
_REDIS: Final = Topic("Redis", probe_redis, check_redis, limit_s=10.0)
# A large one on a network disk takes a while to be looked through.
_MODEL: Final = Topic("the model", probe_model, check_model, limit_s=20.0)
_LIBRARIES: Final = Topic("libraries", probe_libraries, check_libraries)
_CARD: Final = Topic("the card", probe_card, check_card, limit_s=10.0)
# That of FunASR loads torch.
_DETECTOR: Final = Topic("the detector", probe_detector, check_detector, limit_s=20.0)
_ENGINE: Final = Topic("the engine", engine.probe_engine, check_engine, limit_s=engine.LIMIT_S + 5.0)


def topics_for(settings: Settings) -> Iterator[Topic[Any]]:
    yield from _ALWAYS
    if settings.redis_url is not None:
        yield _REDIS
    if not settings.workers:
        return
    yield _DETECTOR
    if not needs_preparation(settings.engine):
        yield _ENGINE
        return
    # Such an engine is not tried out: it would take the card for a minute.
    yield _MODEL
    yield _LIBRARIES
    if settings.device != "cpu":
        yield _CARD
