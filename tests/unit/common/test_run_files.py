from __future__ import annotations

from pathlib import Path

from common.run_files import worker_end_notice, worker_socket

RUN_DIR = Path("/run/voxshard")


def test_each_worker_has_files_of_its_own() -> None:
    files = {file(RUN_DIR, worker) for file in (worker_socket, worker_end_notice) for worker in range(3)}
    assert len(files) == 6
    assert {file.parent for file in files} == {RUN_DIR}
