"""`python -m worker.engines.trial`: whether the engine of the settings on stdin starts here.

A process of its own: an engine may take the whole process with it. It says how it went in one line of JSON on
stdout, {"trouble": SENTENCE or null}, and ends with 0 in both cases.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys

from common.settings import Settings
from worker.engines.registry import UnknownEngine, load_engine
from worker.environment import set_defaults


def main() -> None:
    settings = Settings.model_validate_json(sys.stdin.read())
    set_defaults(os.environ)
    # Libraries print what they do; stdout belongs to whoever asked.
    with contextlib.redirect_stdout(sys.stderr):
        trouble = asyncio.run(_trouble(settings))
    print(json.dumps({"trouble": trouble}), flush=True)  # noqa: T201


async def _trouble(settings: Settings) -> str | None:
    try:
        engine = load_engine(settings)
        await engine.start()
        await engine.close()
    except UnknownEngine as error:
        return str(error)
    # Broad: an engine raises whatever its libraries do.
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    main()
