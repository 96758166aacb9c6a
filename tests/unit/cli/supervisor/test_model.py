from __future__ import annotations

from pathlib import Path

import pytest

from cli.supervisor.model import ModelUnusable, with_prepared_model
from common.settings import Settings, load_settings
from tests.support.checkpoint_files import write_checkpoint_files
from worker.engines.encoder_llm.manifest import source_states, write_manifest

SOURCE = [
    "model.pt",
    "config.yaml",
    *(f"Qwen3-0.6B/{name}" for name in ("config.json", "generation_config.json", "tokenizer.json")),
]
INSTALLED = {"torch": "2.11.0", "funasr": "1.4.16", "safetensors": "0.8.0", "vllm": "0.30.0"}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the child finds its modules first; the heavy packages look installed there."""
    folder = tmp_path / "modules"
    for name, version in INSTALLED.items():
        metadata = folder / f"{name}-{version}.dist-info" / "METADATA"
        metadata.parent.mkdir(parents=True)
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def prepared_checkpoint(folder: Path) -> Path:
    """As `worker prepare` leaves it, but for the weights."""
    write_checkpoint_files(folder)
    (folder / "voxshard").mkdir()
    write_manifest(folder / "voxshard", source_states(folder, SOURCE), {})
    return folder


def nano(model: str) -> Settings:
    return load_settings({"engine": "fun-asr-nano", "model": model}, {})


def fake_hub(modules: Path, *, fetch: str) -> None:
    modules.joinpath("modelscope.py").write_text(
        f"import os, signal, time\ndef snapshot_download(model, local_files_only=False):\n    {fetch}\n"
    )


def test_other_engines_need_nothing(tmp_path: Path) -> None:
    settings = load_settings({"model": "/no/model"}, {})
    assert with_prepared_model(settings, tmp_path) is settings
    assert list(tmp_path.iterdir()) == []


def test_gateways_alone_need_nothing(tmp_path: Path) -> None:
    flags = {"engine": "fun-asr-nano", "workers": 0, "redis_url": "redis://10.0.0.7"}
    settings = load_settings(flags, {})
    assert with_prepared_model(settings, tmp_path) is settings


def test_workers_are_given_folders(tmp_path: Path, modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = prepared_checkpoint(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    ready = with_prepared_model(nano("model"), tmp_path)
    assert ready is not None
    assert (ready.model, ready.prepared) == (str(folder), folder / "voxshard")


def test_id_becomes_the_folder_it_was_fetched_to(tmp_path: Path, modules: Path) -> None:
    folder = prepared_checkpoint(tmp_path / "model")
    # What hub clients print must not be taken for the answer.
    fake_hub(modules, fetch=f"print('fetching'); return {str(folder)!r}")
    ready = with_prepared_model(nano("owner/name"), tmp_path)
    assert ready is not None
    assert ready.model == str(folder)


def test_model_that_cannot_be_used_is_one_sentence(tmp_path: Path, modules: Path) -> None:
    with pytest.raises(ModelUnusable) as error:
        with_prepared_model(nano(str(tmp_path)), tmp_path)
    assert str(error.value).startswith(f"{tmp_path} is no whole checkpoint: config.yaml, ")


def test_wrong_library_is_seen_before_any_worker_starts(tmp_path: Path, modules: Path) -> None:
    folder = prepared_checkpoint(tmp_path / "model")
    metadata = modules / "vllm-0.30.0.dist-info" / "METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.40.0\n")
    with pytest.raises(ModelUnusable, match=r"^vLLM 0\.40\.0 is installed; this engine needs"):
        with_prepared_model(nano(str(folder)), tmp_path)


def test_engine_without_a_model_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="give --model"):
        with_prepared_model(load_settings({"engine": "fun-asr-nano"}, {}), tmp_path)


def test_killed_preparation_is_told(tmp_path: Path, modules: Path) -> None:
    fake_hub(modules, fetch="os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(ModelUnusable, match="exit code -9"):
        with_prepared_model(nano("owner/name"), tmp_path)


def test_stop_signal_ends_the_preparation(tmp_path: Path, modules: Path) -> None:
    fake_hub(modules, fetch="os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)")
    assert with_prepared_model(nano("owner/name"), tmp_path) is None
