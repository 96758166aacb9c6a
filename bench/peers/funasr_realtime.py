"""FunASR's own realtime server: `python -m bench.peers.funasr_realtime MODEL --port N -- FLAGS`.

Runs `main` of `funasr.bin.realtime_ws` as its package has it; FLAGS are that server's own. Its VAD is found
by a path relative to the working folder, so that is where the folder of `iic/` has to be.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

# Offline, quiet, and no progress bar for each piece of audio: FunASR's bars cost the server ten lines a
# second and stream. FlashInfer's sampler wants a compiler on the machine.
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TQDM_DISABLE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
}


def main() -> None:
    arguments = sys.argv[1:]
    border = arguments.index("--") if "--" in arguments else len(arguments)
    server_flags = arguments[border + 1 :]
    flags = _flags(arguments[:border])
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    model = flags.model.resolve()
    os.chdir(flags.vad_root or model.parent)
    # Only here: these take seconds, and read the environment.
    from funasr.bin import realtime_ws  # noqa: PLC0415

    _wrap_generate(flags.cap)
    arguments = ["--model", str(model), "--port", str(flags.port), *server_flags]
    asyncio.run(realtime_ws.main(realtime_ws.build_arg_parser().parse_args(arguments)))


def _flags(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers.funasr_realtime", epilog="-- FLAGS: those of FunASR's own server"
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--vad-root", type=Path, help="folder of iic/; default: the one that MODEL is in")
    parser.add_argument("--cap", type=int, help="most tokens of a decode, for weights that never say EOS")
    return parser.parse_args(arguments)


def _wrap_generate(cap: int | None) -> None:
    """vLLM without its bar, too, which divides by zero where the bars' variable turns them off."""
    from vllm import LLM  # noqa: PLC0415

    plain = LLM.generate

    def generate(engine: Any, prompts: Any, params: Any, **options: Any) -> Any:
        if cap is not None:
            params.max_tokens = min(params.max_tokens or cap, cap)
        return plain(engine, prompts, params, **{**options, "use_tqdm": False})

    LLM.generate = generate


if __name__ == "__main__":
    main()
