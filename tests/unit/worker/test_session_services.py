from __future__ import annotations

import pytest

from common.audio import ms_to_samples
from common.settings import Settings
from worker.engines.base import EngineCapabilities, Gather
from worker.session_services import partial_settings


@pytest.mark.parametrize(
    ("gather", "interval_ms", "lead_ms"),
    [(None, 480, None), (Gather(0.1, 0.25, 9), 480, 125), (Gather(0.1, 0.25, 9), 160, 80)],
)
def test_partials_that_gather_are_asked_for_half_of_it_early_at_most_half_an_interval(
    gather: Gather | None, interval_ms: int, lead_ms: int | None
) -> None:
    capabilities = EngineCapabilities(max_segment_ms=1, max_in_flight=1, device="cpu", gather=gather)
    lead = partial_settings(Settings(partial_interval_ms=interval_ms), capabilities).lead
    assert lead == (None if lead_ms is None else ms_to_samples(lead_ms))
