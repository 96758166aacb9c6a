"""Files by which the processes of one instance find each other, in its run folder."""

from __future__ import annotations

from pathlib import Path


def worker_socket(run_dir: Path, worker: int) -> Path:
    """Where it takes links."""
    return run_dir / f"worker-{worker}.sock"


def worker_end_notice(run_dir: Path, worker: int) -> Path:
    """Of its present process, see `common.end_notice`."""
    return run_dir / f"worker-{worker}.end"
