"""The files of a Fun-ASR-Nano checkpoint with as little in them as can be opened; no torch is needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

END_TOKEN = 7


def write_checkpoint_files(folder: Path, *, tied: bool = True) -> Path:
    """A whole checkpoint in `folder`, but for model.pt, which holds no weights."""
    language_model = folder / "Qwen3-0.6B"
    language_model.mkdir(parents=True)
    write_config(folder)
    write_json(folder / "configuration.json", {"file_path_metas": {"init_param": "model.pt"}})
    write_json(
        language_model / "config.json",
        {"model_type": "qwen3", "tie_word_embeddings": tied, "eos_token_id": 5},
    )
    write_json(language_model / "generation_config.json", {"eos_token_id": END_TOKEN, "do_sample": False})
    write_json(language_model / "tokenizer.json", {})
    (folder / "model.pt").write_bytes(b"weights")
    (folder / "multilingual.tiktoken").write_text("IQ== 0\n")
    return folder


def write_config(folder: Path, **changes: Any) -> None:
    config = {"model": "FunASRNano", "ctc_decoder": "Transformer", "frontend_conf": {"cmvn_file": None}}
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, **changes}))


def write_json(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values))
