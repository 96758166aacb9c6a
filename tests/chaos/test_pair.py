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
    goals = ["--stop-p95-ms", "20000", "--late-percent", "100"]
    monkeypatch.setattr(sys, "argv", ["bench", "pair", str(STREAMS), *flags, *goals, "--output", str(output)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1, "one instance did not come to its limit"
    result: dict[str, Any] = json.loads(output.read_text())["result"]
    assert [trial["run"]["streams"] for trial in result["one"] + result["two"]] == [STREAMS, 12, 12]
    assert not any(trial["missed"] for trial in result["one"] + result["two"])
    # Alone it has served them all; together both have.
    assert len(result["one"][0]["run"]["workers"]) == 1
    assert len(result["two"][0]["run"]["workers"]) == 2
    killed = result["killed"]
    assert (killed["streams"], killed["lost"], killed["changed"], killed["repeated"]) == (STREAMS, 0, 0, 0)
    assert killed["resumed"]["count"] >= 1
    assert killed["unheard"]["max"] < 1_000
