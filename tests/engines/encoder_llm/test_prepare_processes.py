"""Several processes, a process that is killed, a model folder that cannot be written, the command itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import torch
from safetensors.torch import load_file

from tests.support.checkpoint_files import write_checkpoint_files
from tests.support.children import ROOT
from worker.engines.encoder_llm.checkpoint import CheckpointError, open_checkpoint
from worker.engines.encoder_llm.prepare import find_prepared, prepare

# Says so when it is in the middle of a split, with one of two weight files written, and stays there.
SLOW: Final = """
import sys
from pathlib import Path
from worker.engines.encoder_llm import prepare as module
from worker.engines.encoder_llm.checkpoint import open_checkpoint

save = module._save

def slow_save(tensors, path):
    save(tensors, path)
    if path.name == "model.safetensors":
        print("half", flush=True)
        sys.stdin.readline()

module._save = slow_save
print(module.prepare(open_checkpoint(Path(sys.argv[1]))).folder, flush=True)
"""
NOBODY: Final = 65_534


@pytest.fixture
def folder() -> Iterator[Path]:
    """Under a path that every user may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="vs-") as path:
        Path(path).chmod(0o755)
        folder = write_checkpoint_files(Path(path) / "model")
        torch.save(
            {
                "audio_encoder.weight": torch.ones(2),
                "audio_adaptor.weight": torch.ones(2),
                "llm.model.embed_tokens.weight": torch.ones(2, 2),
            },
            folder / "model.pt",
        )
        yield folder


@contextmanager
def slow_prepare(folder: Path) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    argv = [sys.executable, "-c", SLOW, str(folder)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def check_whole(folder: Path) -> None:
    made = find_prepared(open_checkpoint(folder))
    assert set(load_file(made.language_model / "model.safetensors")) == {"model.embed_tokens.weight"}
    assert set(load_file(made.audio)) == {"audio_encoder.weight", "audio_adaptor.weight"}
    assert hidden(folder) == [".voxshard.lock"]


def test_two_at_once_split_once(folder: Path) -> None:
    with slow_prepare(folder) as first:
        assert line(first) == "half"
        with slow_prepare(folder) as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(3)
            first.communicate("\n", timeout=20)
            output, _ = second.communicate("", timeout=20)
    # Without "half": it never got to a split of its own.
    assert (first.returncode, second.returncode, output) == (0, 0, f"{folder}/voxshard\n")
    check_whole(folder)


def test_kill_in_the_middle_is_made_good_by_the_next(folder: Path) -> None:
    with slow_prepare(folder) as process:
        assert line(process) == "half"
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
    assert len(hidden(folder)) == 2
    with pytest.raises(CheckpointError, match="not prepared"):
        find_prepared(open_checkpoint(folder))
    prepare(open_checkpoint(folder))
    check_whole(folder)


def test_whoever_waits_for_a_killed_one_does_its_work(folder: Path) -> None:
    with slow_prepare(folder) as first:
        assert line(first) == "half"
        with slow_prepare(folder) as second:
            first.kill()
            assert line(second) == "half"
            second.communicate("\n", timeout=20)
    check_whole(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody can write into `folder` in the block, not even the user root, who is another one there."""
    folder.chmod(0o555)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(NOBODY)
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


def test_read_only_model_is_prepared_in_the_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = folder.parent / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    with read_only(folder):
        made = prepare(open_checkpoint(folder))
        assert made.folder.parent == cache / "voxshard"
        assert made.folder.name.startswith("model-")
        assert find_prepared(open_checkpoint(folder)) == made
    assert find_prepared(open_checkpoint(folder)) == made
    assert hidden(folder) == []


def test_model_prepared_before_it_became_read_only_is_found(folder: Path) -> None:
    made = prepare(open_checkpoint(folder))
    with read_only(folder):
        assert prepare(open_checkpoint(folder)) == made


def test_no_place_that_can_be_written_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    with read_only(folder), pytest.raises(CheckpointError) as error:
        prepare(open_checkpoint(folder))
    assert str(error.value).startswith(f"{folder}/cache/voxshard/model-")
    assert str(error.value).endswith(f" cannot be made: Permission denied ({folder}/cache)")


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", "from cli.main import main; main()", "worker", "prepare", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)


def test_command_prints_the_folder(folder: Path) -> None:
    target = folder.parent / "other"
    result = command(str(folder), "--prepared", str(target))
    assert (result.returncode, result.stdout) == (0, f"{target}\n")
    assert find_prepared(open_checkpoint(folder), target).folder == target


def test_command_ends_with_one_sentence(folder: Path) -> None:
    (folder / "model.pt").write_bytes(b"")
    result = command(str(folder))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"voxshard worker prepare: {folder}/model.pt cannot be read: it is damaged, or it holds more than "
        "weights\n"
    )
