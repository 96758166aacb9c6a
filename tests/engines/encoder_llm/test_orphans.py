"""vLLM's own processes end with the one that started them, whatever ended that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest
import torch
import transformers

ROOT: Final = Path(__file__).parents[3]
GONE_WITHIN_S: Final = 2.0
_READY: Final = "ready"
_ENVIRON: Final = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "OMP_NUM_THREADS": "1"}

# Without a guard for `__main__`: -c is nothing that vLLM's processes could import again.
WORKER: Final = f"""
import asyncio, sys
from worker.engines.encoder_llm.end_with_worker import WORKER_EXTENSION, name_worker

async def serve():
    name_worker()
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM
    engine = AsyncLLM.from_engine_args(AsyncEngineArgs(
        model=sys.argv[1], skip_tokenizer_init=True, enable_prompt_embeds=True, enforce_eager=True,
        max_model_len=256, dtype="float32", worker_extension_cls=WORKER_EXTENSION,
    ))
    print({_READY!r}, flush=True)
    await asyncio.sleep(600)

asyncio.run(serve())
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    config = transformers.Qwen3Config(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=512,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    transformers.Qwen3ForCausalLM(config).save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def worker(model: Path) -> Iterator[subprocess.Popen[str]]:
    """As the supervisor starts it: at the head of a process group."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(model)],
        stdout=subprocess.PIPE,
        env={**os.environ, **_ENVIRON, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        text=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.timeout(300)
def test_a_killed_worker_leaves_no_engine_core(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    assert any(line.strip() == _READY for line in worker.stdout)
    engine = psutil.Process(worker.pid).children(recursive=True)
    assert any("EngineCore" in process.name() for process in engine)
    # All that the supervisor needs to kill them, even without this.
    assert {os.getpgid(process.pid) for process in engine} == {worker.pid}

    worker.kill()
    _, left = psutil.wait_procs(engine, timeout=GONE_WITHIN_S)
    assert not [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
