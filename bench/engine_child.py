"""One measuring process: `python -m bench.engine_child NAME REPORT`, started by `bench.engine_processes`.

Its standard input brings the job. vLLM imports this module again in the processes that it starts.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Final

import msgspec

from bench.engine_job import Job, Notebook

# Each has a `measure(job, notebook)`; imported only here, as they need torch, vLLM or FunASR.
_PROGRAMS: Final = {
    "encoder": "bench.engine_encoder",
    "running": "bench.engine_running",
    "peer": "bench.peers.funasr_engine",
}


def main() -> None:
    name, report = sys.argv[1:]
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    notebook = Notebook(Path(report), job.deadline)
    import_module(_PROGRAMS[name]).measure(job, notebook)
    notebook.save()


if __name__ == "__main__":
    main()
