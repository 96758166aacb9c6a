"""The dashboard of tenants: empty without a tenants file."""

from __future__ import annotations

from typing import Final

from deploy.grafana.layout import Dashboard, Panel, Query, Row
from deploy.grafana.queries import rate, summed

_TENANTS: Final = Row(
    "Tenants",
    (
        Panel("Sessions", "short", "", (Query(summed("tenant", "asr_tenant_sessions"), "{{tenant}}"),)),
        Panel(
            "Audio",
            "short",
            "Seconds of audio each second.",
            (Query(summed("tenant", rate("asr_tenant_audio_seconds_total")), "{{tenant}}"),),
        ),
        Panel(
            "Refusals",
            "reqps",
            "stream_quota, audio_quota: the tenant has a quota and uses it up.",
            (Query(summed("tenant, reason", rate("asr_tenant_refusals_total")), "{{tenant}} {{reason}}"),),
        ),
    ),
)

TENANTS: Final = Dashboard("voxshard-tenants", "Voxshard: tenants", (_TENANTS,))
