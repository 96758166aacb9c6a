"""Why a gateway cannot start."""

from __future__ import annotations


class BootFailed(Exception):
    """The gateway never listened; starting it again would not help."""
