"""The dashboard of workers and cards."""

from __future__ import annotations

from typing import Final

from deploy.grafana.layout import Dashboard, Panel, Query, Row
from deploy.grafana.queries import by_card, quantile, rate, summed

_WORKERS: Final = Row(
    "Workers",
    (
        Panel(
            "Speaking",
            "short",
            "Sessions with an open segment; they should be spread evenly.",
            (Query('asr_sessions_active{state="speaking"}', "{{worker}}"),),
        ),
        Panel("Lag", "s", "As each worker sees it now.", (Query("asr_worker_lag_seconds", "{{worker}}"),)),
        Panel(
            "Busy",
            "short",
            "Seconds of computing each second, over all threads.",
            (Query(summed("worker, stage", rate("asr_compute_busy_seconds_total")), "{{worker}} {{stage}}"),),
        ),
        Panel(
            "Waiting for the engine",
            "s",
            "p95 by kind of decode. Finals go first.",
            (Query(quantile(0.95, "asr_decode_queue_seconds", "kind"), "{{kind}}"),),
        ),
        Panel(
            "In the engine",
            "s",
            "p95 of the parts of a decode, for engines that have them.",
            (Query(quantile(0.95, "asr_decode_stage_seconds", "stage"), "{{stage}}"),),
        ),
        Panel(
            "Superseded",
            "reqps",
            "Decodes that a newer one replaced before they began: the engine is behind.",
            (Query(summed("kind", rate("asr_decodes_superseded_total")), "{{kind}}"),),
        ),
        Panel(
            "Sessions ended",
            "reqps",
            "By outcome. dropped: the client left without STOP.",
            (Query(summed("outcome", rate("asr_sessions_ended_total")), "{{outcome}}"),),
        ),
    ),
)

_CARDS: Final = Row(
    "Cards",
    (
        Panel(
            "Speaking",
            "short",
            "Of all workers of a card; on the CPU of a host.",
            (Query(by_card('asr_sessions_active{state="speaking"}'), "{{host}} {{gpu}}"),),
        ),
        Panel(
            "RTFx",
            "short",
            "Seconds of audio for a second of computing.",
            (
                Query(
                    f"{by_card(rate('asr_audio_finalized_seconds_total'))}"
                    f" / {by_card(rate('asr_compute_busy_seconds_total'))}",
                    "{{host}} {{gpu}}",
                ),
            ),
        ),
        Panel(
            "Final, from the endpoint",
            "s",
            "p95, to the sending of the locked text.",
            (Query(quantile(0.95, "asr_final_wait_seconds", of_card=True), "{{host}} {{gpu}}"),),
        ),
        Panel(
            "Under MPS",
            "short",
            "1: the worker shares its card through CUDA MPS. No curve where no daemon is set up.",
            (Query("asr_mps_attached", "{{worker}}"),),
        ),
        Panel(
            "MPS daemon",
            "short",
            "As supervisors see it. recovering: no worker may use the card.",
            (Query("asr_mps_daemon > 0", "{{voxshard_instance}} {{state}}"),),
        ),
        Panel(
            "Workers had to leave their card",
            "short",
            "In the interval, by what was wrong.",
            (
                Query(
                    summed("trouble", "increase(asr_card_recoveries_total[$__rate_interval])"), "{{trouble}}"
                ),
            ),
        ),
    ),
)

_GPU: Final = Row(
    "GPU, from the DCGM exporter",
    (
        Panel(
            "Utilisation",
            "percent",
            "Share of the time in which something ran.",
            (Query("DCGM_FI_DEV_GPU_UTIL", "{{instance}} {{gpu}}"),),
        ),
        Panel(
            "Memory",
            "mbytes",
            "Used of each card.",
            (Query("DCGM_FI_DEV_FB_USED", "{{instance}} {{gpu}}"),),
        ),
        Panel(
            "Memory traffic",
            "percent",
            "Share of the time in which memory was read or written.",
            (Query("DCGM_FI_DEV_MEM_COPY_UTIL", "{{instance}} {{gpu}}"),),
        ),
        Panel(
            "Power",
            "watt",
            "Drawn by each card.",
            (Query("DCGM_FI_DEV_POWER_USAGE", "{{instance}} {{gpu}}"),),
        ),
        Panel("Temperature", "celsius", "", (Query("DCGM_FI_DEV_GPU_TEMP", "{{instance}} {{gpu}}"),)),
        Panel(
            "Last Xid",
            "short",
            "Number of the driver's last error; 0: none.",
            (Query("DCGM_FI_DEV_XID_ERRORS", "{{instance}} {{gpu}}"),),
        ),
    ),
)

WORKERS: Final = Dashboard("voxshard-workers", "Voxshard: workers and cards", (_WORKERS, _CARDS, _GPU))
