"""`python -m worker.engines.prepare_child --settings FILE --parent PID`: a model prepared for the supervisor.

A process of its own, as the supervisor loads no model libraries. It says how it went in one line of JSON on
stdout, {"model": FOLDER, "prepared": FOLDER} or {"error": SENTENCE}, and ends with 0 in both cases.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from common.logs import configure_logs
from common.process import end_with_parent
from common.settings import Settings, settings_from_file
from worker.engines.preparation import CannotPrepare, prepare_model


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker.engines.prepare_child")
    parser.add_argument("--settings", type=Path, required=True, help="JSON file written by the supervisor")
    parser.add_argument("--parent", type=int, required=True, help="process id of the supervisor")
    arguments = parser.parse_args()
    end_with_parent(arguments.parent)
    settings = settings_from_file(arguments.settings)
    configure_logs("prepare", settings.log_level, settings.log_format)
    print(json.dumps(_outcome(settings)), flush=True)  # noqa: T201


def _outcome(settings: Settings) -> dict[str, str]:
    try:
        done = prepare_model(settings)
    except CannotPrepare as error:
        return {"error": str(error)}
    return {name: str(folder) for name, folder in dataclasses.asdict(done).items()}


if __name__ == "__main__":
    main()
