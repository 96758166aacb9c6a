from __future__ import annotations

from cli.doctor.finding import Cause, Finding, Severity


def test_notes_are_no_problems() -> None:
    assert Finding(Cause.CARD_SHARED, "", "", "").severity is Severity.NOTE
    assert Finding(Cause.DISK_FULL, "", "", "").severity is Severity.PROBLEM
