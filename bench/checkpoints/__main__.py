"""`python -m bench.checkpoints FOLDER`: a Fun-ASR-Nano checkpoint, beside it the VAD of FunASR's server."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from bench.checkpoints import FULL, TINY, build_fsmn_vad, build_fun_asr_nano

_SIZES: Final = {"tiny": TINY, "full": FULL}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.checkpoints", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=sorted(_SIZES), default="tiny")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens-per-second", type=float, default=4.0)
    parser.add_argument("--no-ctc", action="store_true")
    parser.add_argument(
        "--deaf", action="store_true", help="words do not depend on the audio, only their number"
    )
    options = parser.parse_args()
    build_fsmn_vad(options.folder)
    folder = build_fun_asr_nano(
        options.folder / "fun-asr-nano",
        _SIZES[options.size],
        seed=options.seed,
        ctc=not options.no_ctc,
        tokens_per_second=options.tokens_per_second,
        hears=not options.deaf,
    )
    print(folder)


if __name__ == "__main__":
    main()
