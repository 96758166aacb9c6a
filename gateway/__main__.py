"""`python -m gateway --index I --settings FILE`: how the supervisor starts a gateway."""

from __future__ import annotations

from common.child import child_arguments
from gateway.process import run

if __name__ == "__main__":
    arguments = child_arguments("gateway")
    run(arguments.settings, arguments.index)
