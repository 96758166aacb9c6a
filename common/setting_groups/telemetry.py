"""What processes tell of themselves."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from common.addresses import check_collector_url
from common.log_levels import checked_levels
from common.setting_groups.checked import checked_by
from common.setting_groups.reach import Live, Rolling


def _check_collector(url: str) -> None:
    """Raises `ValueError` if no spans can be sent there."""
    check_collector_url(url)
    if not _has_exporter():
        raise ValueError("traces need the extra `otel`: pip install 'voxshard[otel]'")


def _has_exporter() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


_Levels = Annotated[str, AfterValidator(checked_levels)]
_Collector = Annotated[str, checked_by(_check_collector)]


class Telemetry(BaseModel):
    log_level: Live[_Levels] = Field(
        default="info", description="least level logged, or info,worker-1=debug,..."
    )
    log_format: Live[Literal["text", "json"]] = Field(
        default="text", description="lines for people, or JSON objects"
    )
    otlp_endpoint: Rolling[_Collector | None] = Field(
        default=None, description="collector of traces, http://HOST:4318; no traces if not given"
    )
    otlp_sample_ratio: Rolling[float] = Field(
        default=1.0, ge=0, le=1, description="share of sessions that are traced"
    )
