from __future__ import annotations

import msgspec
import pytest

from bench.engine_record import (
    MIXED,
    PEER,
    Check,
    EncoderRow,
    EngineResult,
    ModelRow,
    Setup,
    WholeRow,
    quantile_ms,
    ratio,
)
from bench.report import Cell, Table

SETUP = Setup("model", "random weights", ("Fast Card, 1.2",), {"torch": "9"})
NOTHING = EngineResult(SETUP, (), (), (), (), ())


def by_column(table: Table, row: int = 0) -> dict[str, Cell]:
    return dict(zip(table.columns, table.rows[row], strict=True))


def whole(engine: str, clips: str, wall_s: float) -> WholeRow:
    return WholeRow(engine, clips, 4, 10, audio_s=80.0, wall_s=wall_s, busy_s=wall_s, tokens=320, empty=0)


def test_sections_that_were_not_measured_have_no_table() -> None:
    assert NOTHING.tables() == ()


def test_encoder_row_shows_throughput_and_ratio() -> None:
    row = EncoderRow(8.0, 64, 700.0, 54.0, 13.5, 10.8, 20.0, 30.0)
    [table] = msgspec.structs.replace(NOTHING, encoder=(row,)).tables()
    shown = by_column(table)
    assert shown["funasr audio s/s"] == 9_481
    assert shown["worker audio s/s"] == 37_926
    assert (shown["worker ×"], shown["replay ×"]) == (4.0, 5.0)
    assert "random weights" in table.title
    assert "Fast Card" in table.title


def test_encoder_row_without_a_card_has_no_replay() -> None:
    row = EncoderRow(8.0, 1, 11.0, 54.0, 13.5, None, 20.0, 30.0)
    [table] = msgspec.structs.replace(NOTHING, encoder=(row,)).tables()
    assert by_column(table)["replay ×"] is None


def test_ratio_stands_beside_the_peer_s_clips_only() -> None:
    rows = (whole("voxshard", MIXED, 2.0), whole("voxshard", "8 s", 2.0), whole(PEER, MIXED, 8.0))
    [table] = msgspec.structs.replace(NOTHING, whole=rows).tables()
    assert [row[-1] for row in table.rows] == [4.0, None, 1.0]
    assert by_column(table)["tokens/s"] == "4.00"
    assert by_column(table)["audio s/s"] == 40


def test_language_model_s_row_shows_time_per_token() -> None:
    [table] = msgspec.structs.replace(NOTHING, model=(ModelRow(32, 64, 640, 2.0, 64.0, 70.0),)).tables()
    assert by_column(table)["req/s"] == 320.0
    assert by_column(table)["ms per token"] == 2.0


def test_what_was_left_out_is_shown() -> None:
    [table] = msgspec.structs.replace(NOTHING, left_out=("encoder: 30 s × 64",)).tables()
    assert table.rows == (("encoder: 30 s × 64",),)


@pytest.mark.parametrize(
    ("value", "limit", "holds"), [(0.01, 0.02, True), (0.0, 0.0, True), (0.03, 0.02, False)]
)
def test_check_holds_up_to_its_limit(value: float, limit: float, holds: bool) -> None:
    assert Check("one", value, limit).holds is holds


def test_quantiles_are_nearest_ranks_in_ms() -> None:
    assert quantile_ms([0.004, 0.001, 0.002, 0.003], 0.5) == 2.0
    assert quantile_ms([0.004, 0.001, 0.002, 0.003], 0.95) == 4.0


def test_no_ratio_to_what_was_not_measured() -> None:
    assert ratio(1.0, None) is None
