"""What all sessions of a worker share, and the pipeline that it makes for each."""

from __future__ import annotations

from dataclasses import dataclass

from common.audio import ms_to_samples, seconds_to_samples
from common.checkpoint import Checkpoint
from common.clock import Clock
from common.events import SessionOptions
from common.settings import Settings
from worker.engines.base import EngineCapabilities, SegmentEngine
from worker.metrics import WorkerMetrics
from worker.pipeline.partials import PartialSettings
from worker.pipeline.streaming import StreamingPipeline
from worker.scheduler.runner import DecodeScheduler
from worker.vad.pool import VadPool


@dataclass(frozen=True, slots=True)
class Services:
    vad: VadPool
    engine: SegmentEngine
    scheduler: DecodeScheduler
    metrics: WorkerMetrics
    clock: Clock
    settings: Settings

    @property
    def capabilities(self) -> EngineCapabilities:
        return self.engine.capabilities

    def pipeline(self, options: SessionOptions, checkpoint: Checkpoint) -> StreamingPipeline:
        longest_ms = self.capabilities.max_segment_ms
        cap_ms = min(self.settings.segment_cap_ms or longest_ms, longest_ms)
        partials = partial_settings(self.settings, self.capabilities)
        return StreamingPipeline(options, ms_to_samples(cap_ms), partials, checkpoint, self.vad.lag)


def partial_settings(settings: Settings, capabilities: EngineCapabilities) -> PartialSettings:
    """Partials that are to come together wait for anything up to a known time: asked for half of it early,
    they come half of it early to half of it late, instead of late by all of it."""
    interval = ms_to_samples(settings.partial_interval_ms)
    gather = capabilities.gather
    return PartialSettings(
        interval=interval,
        window=ms_to_samples(settings.partial_window_ms),
        stays=capabilities.continues_partials,
        lead=None if gather is None else min(seconds_to_samples(gather.most_s / 2), interval // 2),
    )
