"""The dashboard that one looks at first: the whole deployment."""

from __future__ import annotations

from typing import Final

from deploy.grafana.layout import Dashboard, Panel, Query, Row
from deploy.grafana.queries import quantile, quantiles, rate, summed

_LOAD: Final = Row(
    "Load",
    (
        Panel(
            "Sessions",
            "short",
            "speaking: with an open segment, which is what costs. engaged: have spoken within 30 s.",
            (Query("voxshard:sessions", "{{state}}"),),
        ),
        Panel(
            "Capacity used",
            "percentunit",
            "Engaged sessions over --max-speaking (or --capacity) of all workers; empty without either.",
            (Query("voxshard:capacity_used:ratio", "used"),),
        ),
        Panel(
            "RTFx",
            "short",
            "Seconds of audio for a second of computing, partials included.",
            (
                Query(
                    f"sum({rate('asr_audio_finalized_seconds_total')})"
                    f" / sum({rate('asr_compute_busy_seconds_total')})",
                    "RTFx",
                ),
            ),
        ),
        Panel(
            "Audio",
            "short",
            "Seconds of audio each second. Received far above settled: speech waits for its text.",
            (
                Query(f"sum({rate('asr_audio_received_seconds_total')})", "received"),
                Query(f"sum({rate('asr_audio_finalized_seconds_total')})", "settled"),
            ),
        ),
        Panel(
            "Connections",
            "short",
            "Of all gateways; waiting: sessions that no worker has at the moment.",
            (Query(summed("state", "asr_gateway_connections"), "{{state}}"),),
        ),
        Panel(
            "Messages",
            "reqps",
            "up: audio of clients. down: what they are told.",
            (Query(summed("direction", rate("asr_gateway_frames_total")), "{{direction}}"),),
        ),
    ),
)

_LATENCY: Final = Row(
    "Latency",
    (
        Panel(
            "Final",
            "s",
            "p95, by what ended the sentence: from the last sound, or from COMMIT or STOP, to its text.",
            (Query(quantile(0.95, "asr_final_latency_seconds", "reason"), "{{reason}}"),),
        ),
        Panel(
            "Final, from the endpoint",
            "s",
            "The part of it that workers can be late by: without the silence that ends a sentence.",
            quantiles("asr_final_wait_seconds"),
        ),
        Panel(
            "First partial",
            "s",
            "From the first sample of speech to the first text of its segment.",
            quantiles("asr_first_partial_seconds"),
        ),
        Panel(
            "Lag",
            "s",
            "Age of the oldest audio that nobody has heard yet.",
            (
                Query(quantile(0.95, "asr_worker_lag_distribution_seconds"), "p95"),
                Query("max(asr_worker_lag_seconds)", "worst worker now"),
            ),
        ),
    ),
)

_TROUBLE: Final = Row(
    "What clients notice",
    (
        Panel(
            "Audio lost",
            "s",
            "Seconds of audio of sessions that were given up. Anything above 0 is worth a look.",
            (
                Query(
                    summed("reason", "increase(asr_audio_lost_seconds_total[$__rate_interval])"), "{{reason}}"
                ),
            ),
        ),
        Panel(
            "Refusals",
            "reqps",
            "no_worker, overloaded: not enough workers. The others are the client's own.",
            (Query(summed("reason", rate("asr_admission_rejections_total")), "{{reason}}"),),
        ),
        Panel(
            "Connections closed",
            "reqps",
            "By who or what ended them.",
            (Query(summed("code, reason", rate("asr_gateway_closes_total")), "{{code}} {{reason}}"),),
        ),
        Panel(
            "Failovers",
            "reqps",
            "Sessions that another worker took up. drain: as it was told.",
            (Query(summed("reason", rate("asr_session_moves_total")), "{{reason}}"),),
        ),
        Panel(
            "Time to move",
            "s",
            "p95, from the loss of a worker to the acceptance by another one.",
            (Query(quantile(0.95, "asr_session_move_seconds", "waited"), "waited: {{waited}}"),),
        ),
        Panel(
            "Resumed and said again",
            "short",
            "Sessions resumed each second; seconds of audio that workers were given again each second.",
            (
                Query(f"sum({rate('asr_session_resumes_total')})", "resumed"),
                Query(f"sum({rate('asr_replayed_audio_seconds_total')})", "audio again"),
            ),
        ),
    ),
)

_PROCESSES: Final = Row(
    "Processes",
    (
        Panel(
            "Answering",
            "short",
            "Processes that Prometheus reaches.",
            (Query('sum by (process) (up{job="voxshard"})', "{{process}}"),),
        ),
        Panel(
            "Children by state",
            "short",
            "As supervisors see them.",
            (Query("sum by (role, state) (asr_supervisor_children) > 0", "{{role}} {{state}}"),),
        ),
        Panel(
            "Restarts",
            "short",
            "In the interval, by instance.",
            (
                Query(
                    summed(
                        "voxshard_instance, role", "increase(asr_supervisor_restarts_total[$__rate_interval])"
                    ),
                    "{{voxshard_instance}} {{role}}",
                ),
            ),
        ),
        Panel(
            "Event loops",
            "s",
            "p99 of how much later than asked they wake. Above 0.1 s everything on them is late.",
            (
                Query(quantile(0.99, "asr_gateway_loop_lag_seconds", "gateway"), "gateway {{gateway}}"),
                Query(quantile(0.99, "asr_worker_loop_lag_seconds", "worker"), "worker {{worker}}"),
            ),
        ),
        Panel(
            "Memory",
            "bytes",
            "Resident, by process.",
            (Query('process_resident_memory_bytes{job="voxshard"}', "{{process}} {{instance}}"),),
        ),
        Panel(
            "What gateways share",
            "short",
            "1: they do. registry: Redis answers. records: others can resume. quotas: one count for all.",
            (
                Query("min(asr_registry_up)", "registry"),
                Query("min(asr_records_shared)", "records"),
                Query("min(asr_quotas_shared)", "quotas"),
            ),
        ),
    ),
)

OVERVIEW: Final = Dashboard("voxshard", "Voxshard", (_LOAD, _LATENCY, _TROUBLE, _PROCESSES))
