"""`python -m worker --index J --settings FILE`: how the supervisor starts a worker."""

from __future__ import annotations

from common.child import child_arguments
from worker.process import run

if __name__ == "__main__":
    arguments = child_arguments("worker")
    run(arguments.settings, arguments.index)
