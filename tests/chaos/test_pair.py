"""The measurement of two instances, small: what never runs here would break where it costs a visit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from tests.support.processes import SCRIPTED

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

STREAMS = 6


def test_both_hold_what_they_are_given_and_one_outlives_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "pair.json"
    flags = ["--engine", SCRIPTED, "--seconds", "8", "--ramp", "1", "--clients", "1"]
    # How late a busy machine is, is not the question here; the figure itself is never reached.
    goals = ["--stop-p95-ms", "20000", "--late-percent", "100", "--client-late-ms", "20000"]
    loads = ["--first", str(STREAMS), "--most", str(STREAMS)]
    monkeypatch.setattr(sys, "argv", ["bench", "pair", *loads, *flags, *goals, "--output", str(output)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1, "one instance did not come to its limit"
    result: dict[str, Any] = json.loads(output.read_text())["result"]
    verdict, runs = result["verdict"], result["runs"]
    assert (verdict["one_holds"], verdict["two_hold"], verdict["to_held"]) == (STREAMS, 12, 2.0)
    assert verdict["against"] == ["the limit of one was not reached"]
    # Alone it has served them all; together both have.
    assert [list(trial["run"]["workers"].values()) for trial in runs["one"]] == [[STREAMS]]
    assert [len(trial["run"]["workers"]) for trial in runs["two"]] == [2]
    killed = runs["killed"]
    assert (killed["streams"], killed["lost"], killed["changed"], killed["repeated"]) == (STREAMS, 0, 0, 0)
    assert killed["resumed"]["count"] >= 1
    assert killed["unheard"]["max"] < 1_000
