"""Why the topology cannot run; the message is for the user and says what to change."""

from __future__ import annotations


class TopologyError(Exception):
    pass


class ProgramMissing(TopologyError):
    """It is not installed."""


class ProgramEnded(TopologyError):
    """It ended, or did not answer in time; the message holds the end of its log."""
