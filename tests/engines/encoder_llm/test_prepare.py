"""What is made of a checkpoint, and what is said about one that cannot be used."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.support.checkpoint_files import END_TOKEN, write_checkpoint_files, write_json
from worker.engines.encoder_llm import prepare as prepare_module
from worker.engines.encoder_llm.checkpoint import CheckpointError, open_checkpoint
from worker.engines.encoder_llm.prepare import Prepared, find_prepared, prepare

EMBEDDING = "llm.model.embed_tokens.weight"
HEAD = "llm.lm_head.weight"


def tensors(*, tied: bool = True) -> dict[str, Any]:
    embedding = torch.arange(12, dtype=torch.bfloat16).reshape(4, 3)
    return {
        "audio_encoder.weight": torch.ones(2, 3),
        "audio_encoder.turned": torch.arange(6.0).reshape(2, 3).T,
        "audio_adaptor.weight": torch.full((2,), 2.0),
        "ctc_decoder.weight": torch.zeros(1),
        "ctc.weight": torch.zeros(2),
        "something.else": torch.zeros(3),
        EMBEDDING: embedding,
        "llm.model.norm.weight": torch.ones(3, dtype=torch.bfloat16),
        HEAD: embedding if tied else embedding + 1,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tied checkpoint, saved as torch saves tied weights: as one piece of memory."""
    folder = write_checkpoint_files(tmp_path / "model")
    torch.save({"state_dict": tensors()}, folder / "model.pt")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def prepared(folder: Path, target: Path | None = None) -> Prepared:
    return prepare(open_checkpoint(folder), target)


def check_refused(folder: Path, sentence: str) -> None:
    """With one sentence, and without leaving anything."""
    before = set(names(folder))
    with pytest.raises(CheckpointError) as error:
        prepared(folder)
    assert str(error.value) == sentence
    assert set(names(folder)) - before <= {".voxshard.lock"}


def test_language_model_is_a_folder_of_its_own(folder: Path) -> None:
    made = prepared(folder)
    assert made.folder == folder / "voxshard"
    assert names(made.folder) == ["audio.safetensors", "language_model", "prepared.json"]
    assert names(made.language_model) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    weights = load_file(made.language_model / "model.safetensors")
    assert set(weights) == {"model.embed_tokens.weight", "model.norm.weight"}
    assert weights["model.embed_tokens.weight"].dtype == torch.bfloat16
    assert torch.equal(weights["model.embed_tokens.weight"], tensors()[EMBEDDING])


def test_audio_parts_keep_names_precision_and_values(folder: Path) -> None:
    weights = load_file(prepared(folder).audio)
    wanted = {name: value for name, value in tensors().items() if name.startswith(("audio_", "ctc"))}
    assert set(weights) == set(wanted)
    assert all(torch.equal(weights[name], value) for name, value in wanted.items())
    assert {weight.dtype for weight in weights.values()} == {torch.float32}


def test_all_files_can_be_read_by_whoever_can_read_the_others(folder: Path) -> None:
    made = prepared(folder)
    files = [path for path in made.folder.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {made.folder.stat().st_mode & 0o666}


def test_manifest_counts_tensors(folder: Path) -> None:
    manifest = json.loads((prepared(folder).folder / "prepared.json").read_text())
    assert manifest["tensors"] == {"language_model": 2, "audio": 5, "left_out": 1}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": {"state_dict": state}},
        lambda state: {"state_dict": {f"module.{name}": value for name, value in state.items()}},
        lambda state: {f"module.{name}": value for name, value in state.items()},
    ],
)
def test_weights_may_be_wrapped(folder: Path, wrap: Callable[[Any], Any]) -> None:
    torch.save(wrap(tensors()), folder / "model.pt")
    made = prepared(folder)
    assert "model.norm.weight" in load_file(made.language_model / "model.safetensors")
    assert "audio_encoder.weight" in load_file(made.audio)


def test_output_layer_that_is_not_tied_stays(tmp_path: Path) -> None:
    folder = write_checkpoint_files(tmp_path / "model", tied=False)
    torch.save(tensors(tied=False), folder / "model.pt")
    weights = load_file(prepared(folder).language_model / "model.safetensors")
    assert torch.equal(weights["lm_head.weight"], tensors(tied=False)[HEAD])


def test_shared_memory_without_a_tie_is_copied(tmp_path: Path) -> None:
    folder = write_checkpoint_files(tmp_path / "model", tied=False)
    torch.save(tensors(tied=True), folder / "model.pt")
    weights = load_file(prepared(folder).language_model / "model.safetensors")
    assert torch.equal(weights["lm_head.weight"], weights["model.embed_tokens.weight"])


def test_tie_that_the_weights_contradict_is_refused(folder: Path) -> None:
    torch.save(tensors(tied=False), folder / "model.pt")
    check_refused(
        folder,
        f"{folder}/model.pt has an output layer of its own, but the language model's config.json ties it to "
        "the embedding",
    )


def test_end_token_is_kept(folder: Path) -> None:
    made = json.loads((prepared(folder).language_model / "generation_config.json").read_text())
    assert made == {"eos_token_id": END_TOKEN, "do_sample": False}


@pytest.mark.parametrize("values", [None, {"do_sample": False}, {"eos_token_id": []}])
def test_end_token_is_added_where_it_is_missing(folder: Path, values: dict[str, Any] | None) -> None:
    source = folder / "Qwen3-0.6B" / "generation_config.json"
    source.unlink()
    if values is not None:
        write_json(source, values)
    made = json.loads((prepared(folder).language_model / "generation_config.json").read_text())
    assert made == {**(values or {}), "eos_token_id": 5}


def test_other_weights_beside_the_language_model_are_left(folder: Path) -> None:
    (folder / "Qwen3-0.6B" / "model-00001-of-00002.safetensors").write_bytes(b"other")
    (folder / "Qwen3-0.6B" / "model.safetensors.index.json").write_bytes(b"{}")
    assert "model-00001-of-00002.safetensors" not in names(prepared(folder).language_model)


def test_second_time_does_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = prepared(folder)
    monkeypatch.setattr(prepare_module, "split_weights", None)
    assert prepared(folder) == made == find_prepared(open_checkpoint(folder))


def test_workers_are_told_the_command(folder: Path, tmp_path: Path) -> None:
    checkpoint = open_checkpoint(folder)
    with pytest.raises(CheckpointError, match=f"run voxshard worker prepare {folder}$"):
        find_prepared(checkpoint)
    with pytest.raises(CheckpointError, match=f"prepare {folder} --prepared {tmp_path}/other$"):
        find_prepared(checkpoint, tmp_path / "other")
    assert not (folder / "voxshard").exists()


def test_given_folder_is_used(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "not" / "there"
    assert prepared(folder, target).folder == target
    assert find_prepared(open_checkpoint(folder), target).folder == target
    assert not (folder / "voxshard").exists()


def test_changed_model_is_prepared_anew(folder: Path) -> None:
    made = prepared(folder)
    torch.save({**tensors(), "audio_adaptor.weight": torch.full((2,), 3.0)}, folder / "model.pt")
    with pytest.raises(CheckpointError, match="not prepared, or was changed since"):
        find_prepared(open_checkpoint(folder))
    assert prepared(folder) == made
    assert load_file(made.audio)["audio_adaptor.weight"].tolist() == [3.0, 3.0]
    assert [name for name in names(folder) if name.startswith(".")] == [".voxshard.lock"]


@pytest.mark.parametrize("name", ["config.yaml", "Qwen3-0.6B/config.json"])
def test_changed_configuration_counts_as_well(folder: Path, name: str) -> None:
    prepared(folder)
    os.utime(folder / name, ns=(1, 1))
    with pytest.raises(CheckpointError, match="changed since"):
        find_prepared(open_checkpoint(folder))


@pytest.mark.parametrize("name", ["audio.safetensors", "language_model/model.safetensors", "prepared.json"])
def test_damaged_prepared_folder_is_made_anew(folder: Path, name: str) -> None:
    made = prepared(folder)
    (made.folder / name).write_bytes(b"{}")
    with pytest.raises(CheckpointError, match="not prepared"):
        find_prepared(open_checkpoint(folder))
    prepared(folder)
    assert find_prepared(open_checkpoint(folder)) == made


def test_folder_with_other_things_is_never_replaced(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("dear")
    for target in (tmp_path / "home", tmp_path / "home" / "letter"):
        with pytest.raises(CheckpointError, match="holds something else"):
            prepared(folder, target)
    assert (tmp_path / "home" / "letter").read_text() == "dear"


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_truncated_weights_are_refused(folder: Path, share: float) -> None:
    content = (folder / "model.pt").read_bytes()
    (folder / "model.pt").write_bytes(content[: int(len(content) * share)])
    check_refused(folder, f"{folder}/model.pt cannot be read: it is damaged, or it holds more than weights")


def test_weights_with_code_in_them_are_refused(folder: Path) -> None:
    torch.save({"state_dict": tensors(), "code": Path}, folder / "model.pt")
    check_refused(folder, f"{folder}/model.pt cannot be read: it is damaged, or it holds more than weights")


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("llm.", "llm."),
        ("audio_encoder.", "audio_encoder."),
        ("audio_", "audio_encoder., audio_adaptor."),
        (EMBEDDING, EMBEDDING),
    ],
)
def test_missing_weights_are_named(folder: Path, lost: str, named: str) -> None:
    kept = {name: value for name, value in tensors().items() if not name.startswith(lost)}
    torch.save(kept, folder / "model.pt")
    check_refused(folder, f"{folder}/model.pt has no weights of {named}")


def test_missing_output_layer_is_named(tmp_path: Path) -> None:
    folder = write_checkpoint_files(tmp_path / "model", tied=False)
    torch.save({name: value for name, value in tensors().items() if name != HEAD}, folder / "model.pt")
    check_refused(folder, f"{folder}/model.pt has no weights of {HEAD}")


def test_checkpoint_without_ctc_weights_is_whole(folder: Path) -> None:
    kept = {name: value for name, value in tensors().items() if not name.startswith("ctc")}
    torch.save(kept, folder / "model.pt")
    assert set(load_file(prepared(folder).audio)) == {name for name in kept if name.startswith("audio_")}


def test_full_disk_is_seen_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / "model.pt").open("ab") as file:
        file.truncate(3 * 2**30)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**30))
    check_refused(folder, f"{folder}/voxshard needs 3.0 GiB of disk, and 1.0 GiB are free there")


def test_weights_that_may_not_be_read_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "model.pt")

    monkeypatch.setattr(torch, "load", refuse)
    check_refused(folder, f"{folder}/model.pt cannot be read: Permission denied")


def test_disk_that_fills_up_meanwhile_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(prepare_module, "_save", full)
    check_refused(folder, f"{folder}/voxshard cannot be made: No space left on device")
