from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.checkpoint_files import END_TOKEN, write_checkpoint_files, write_config, write_json
from worker.engines.encoder_llm.checkpoint import CheckpointError, end_tokens, open_checkpoint, resolve_model

LANGUAGE_MODEL = "Qwen3-0.6B"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_checkpoint_files(tmp_path / "model")


def test_all_parts_are_found(folder: Path) -> None:
    checkpoint = open_checkpoint(folder)
    assert checkpoint.folder == folder
    assert checkpoint.config["model"] == "FunASRNano"
    assert checkpoint.language_model == folder / LANGUAGE_MODEL
    assert checkpoint.weights == folder / "model.pt"
    assert checkpoint.cmvn is None
    assert checkpoint.ctc_vocabulary == folder / "multilingual.tiktoken"


def test_paths_are_absolute_wherever_it_was_opened_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert open_checkpoint(Path("model")) == open_checkpoint(folder)


@pytest.mark.parametrize(
    "name",
    [
        "config.yaml",
        "configuration.json",
        "model.pt",
        "multilingual.tiktoken",
        f"{LANGUAGE_MODEL}/config.json",
        f"{LANGUAGE_MODEL}/tokenizer.json",
    ],
)
def test_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError) as error:
        open_checkpoint(folder)
    assert str(error.value) == f"{folder} is no whole checkpoint: {name} missing"


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"no model folder {tmp_path}/nothing"):
        open_checkpoint(tmp_path / "nothing")


def test_older_tokenizer_files_do_as_well(folder: Path) -> None:
    (folder / LANGUAGE_MODEL / "tokenizer.json").rename(folder / LANGUAGE_MODEL / "vocab.json")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json missing"):
        open_checkpoint(folder)
    (folder / LANGUAGE_MODEL / "merges.txt").touch()
    open_checkpoint(folder)


@pytest.mark.parametrize("name", ["config.yaml", "configuration.json", f"{LANGUAGE_MODEL}/config.json"])
@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]"])
def test_unreadable_file_is_named(folder: Path, name: str, content: bytes) -> None:
    (folder / LANGUAGE_MODEL / "generation_config.json").unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        open_checkpoint(folder)


def test_another_model_is_refused(folder: Path) -> None:
    write_config(folder, model="Paraformer")
    with pytest.raises(CheckpointError, match="does not describe a FunASRNano model"):
        open_checkpoint(folder)


def test_without_ctc_no_vocabulary_is_needed(folder: Path) -> None:
    write_config(folder, ctc_decoder=None)
    (folder / "multilingual.tiktoken").unlink()
    assert open_checkpoint(folder).ctc_vocabulary is None


def test_cmvn_is_what_either_configuration_names(folder: Path) -> None:
    for name in ("am.mvn", "other.mvn"):
        (folder / name).touch()
    assert open_checkpoint(folder).cmvn is None
    write_config(folder, frontend_conf={"cmvn_file": "am.mvn"})
    assert open_checkpoint(folder).cmvn == folder / "am.mvn"
    write_json(
        folder / "configuration.json", {"file_path_metas": {"frontend_conf": {"cmvn_file": "other.mvn"}}}
    )
    assert open_checkpoint(folder).cmvn == folder / "other.mvn"


def test_named_cmvn_has_to_be_there(folder: Path) -> None:
    write_config(folder, frontend_conf={"cmvn_file": "am.mvn"})
    with pytest.raises(CheckpointError, match=r"am\.mvn missing, which is its frontend_conf\.cmvn_file"):
        open_checkpoint(folder)


def test_references_inside_the_config_are_resolved(folder: Path) -> None:
    (folder / "words.tiktoken").touch()
    write_config(
        folder,
        ctc_tokenizer_conf={"vocab_path": "words.tiktoken"},
        dataset_conf={"ctc_tokenizer_conf": "${ctc_tokenizer_conf}", "sizes": [1, "${model}"]},
    )
    checkpoint = open_checkpoint(folder)
    assert checkpoint.ctc_vocabulary == folder / "words.tiktoken"
    assert checkpoint.config["dataset_conf"]["sizes"] == [1, "FunASRNano"]


def test_circle_of_references_is_refused(folder: Path) -> None:
    write_config(folder, a="${b}", b="${a}")
    with pytest.raises(CheckpointError, match="circle"):
        open_checkpoint(folder)


@pytest.mark.parametrize(("found", "tokens"), [(END_TOKEN, (END_TOKEN,)), ([3, 4], (3, 4)), (0, (0,))])
def test_end_tokens_of_the_generation_config_come_first(
    folder: Path, found: Any, tokens: tuple[int, ...]
) -> None:
    write_json(folder / LANGUAGE_MODEL / "generation_config.json", {"eos_token_id": found})
    assert end_tokens(folder / LANGUAGE_MODEL) == tokens


@pytest.mark.parametrize("content", [None, {}, {"eos_token_id": None}, {"eos_token_id": []}])
def test_end_token_is_taken_from_the_model_config_otherwise(folder: Path, content: Any) -> None:
    path = folder / LANGUAGE_MODEL / "generation_config.json"
    path.unlink()
    if content is not None:
        write_json(path, content)
    assert end_tokens(open_checkpoint(folder).language_model) == (5,)


def test_model_without_any_end_token_is_refused(folder: Path) -> None:
    (folder / LANGUAGE_MODEL / "generation_config.json").unlink()
    write_json(folder / LANGUAGE_MODEL / "config.json", {})
    with pytest.raises(CheckpointError, match="eos_token_id"):
        open_checkpoint(folder)


def test_folder_is_a_model_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert resolve_model("model", "ms") == folder


@pytest.mark.parametrize("model", ["/no/such/folder", "./here", "model", "a/b/c", "owner/name?x"])
def test_what_is_neither_folder_nor_id_asks_no_hub(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    with pytest.raises(CheckpointError, match="there is no model folder"):
        resolve_model(model, "ms")


def hub(monkeypatch: pytest.MonkeyPatch, package: str, snapshot_download: Callable[..., str]) -> None:
    monkeypatch.setitem(sys.modules, package, SimpleNamespace(snapshot_download=snapshot_download))


@pytest.mark.parametrize(("name", "package"), [("ms", "modelscope"), ("hf", "huggingface_hub")])
def test_id_is_fetched_from_the_hub_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    asked: list[str] = []

    def snapshot_download(model: str) -> str:
        asked.append(model)
        return str(folder)

    hub(monkeypatch, package, snapshot_download)
    assert resolve_model("owner/name", name) == folder
    assert asked == ["owner/name"]


def test_hub_that_cannot_be_reached_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(model: str, *, local_files_only: bool = False) -> str:
        raise ConnectionError("no route to host\nand much more")

    hub(monkeypatch, "modelscope", snapshot_download)
    with pytest.raises(CheckpointError) as error:
        resolve_model("owner/name", "ms")
    assert str(error.value) == (
        "there is no model folder owner/name, and ModelScope does not give it: no route to host"
    )


def test_copy_fetched_earlier_serves_without_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(model: str, *, local_files_only: bool = False) -> str:
        if not local_files_only:
            raise ConnectionError
        return str(folder)

    hub(monkeypatch, "modelscope", snapshot_download)
    assert resolve_model("owner/name", "ms") == folder


def test_missing_hub_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(CheckpointError, match="Hugging Face the package huggingface_hub is missing"):
        resolve_model("owner/name", "hf")
