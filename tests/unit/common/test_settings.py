from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from common.settings import Settings, load_settings, settings_from_file
from common.settings_errors import ConfigUnreadable, SettingsError, UnknownVariables
from common.settings_source import SettingsSource


def toml(folder: Path, text: str) -> Path:
    path = folder / "voxshard.toml"
    path.write_text(text)
    return path


def test_nothing_given_means_the_defaults() -> None:
    settings = load_settings({}, {})
    assert (settings.port, settings.http_port, settings.silence_schedule) == (10_095, 8_899, "streaming")
    assert settings.model_fields_set == set()


def test_every_process_has_an_ops_port_of_its_own() -> None:
    settings = Settings()
    assert settings.gateway_ops_port + settings.gateways <= 9_500 == settings.worker_ops_port
    assert settings.worker_ops_port + settings.workers <= 9_600 == settings.supervisor_ops_port
    assert settings.gateway_ops_port == 9_400


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name.endswith("port")])
def test_ports_are_those_that_there_are(name: str) -> None:
    assert [getattr(load_settings({name: port}, {}), name) for port in (1, 65_535)] == [1, 65_535]
    for port in (0, 65_536):
        with pytest.raises(SettingsError, match=f"^{name}: "):
            load_settings({name: port}, {})


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_a_device_is_written_as_torch_has_it(device: str) -> None:
    assert load_settings({"device": device}, {}).device == device


@pytest.mark.parametrize(
    "device", ["gpu0", "cpu ", "cpu:0", "CUDA", "cuda:", "cuda:-1", "cuda:07", "cuda:1,2", ""]
)
def test_another_device_is_refused_with_the_forms_that_there_are(device: str) -> None:
    with pytest.raises(SettingsError, match=r"^device: .* is no device: auto, cpu, cuda, or cuda:N"):
        load_settings({"device": device}, {})


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name.endswith("host")])
@pytest.mark.parametrize("host", ["", "a..b", "[::1]", "a b"])
def test_a_host_that_cannot_be_looked_up_is_refused(name: str, host: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name}: "):
        load_settings({name: host}, {})


NUMBERS = [name for name, field in Settings.model_fields.items() if "float" in str(field.annotation)]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("number", ["inf", "-inf", "nan", "1e999"])
def test_numbers_are_finite(name: str, number: str) -> None:
    """In JSON, by which children get them, they would be null."""
    with pytest.raises(SettingsError, match=f"^{name}: Input should be "):
        load_settings({}, {f"VOXSHARD_{name.upper()}": number})


@pytest.mark.parametrize(("name", "value"), [("language", "\udcff"), ("tenants_file", Path("/\udcff"))])
def test_what_is_no_text_is_refused(name: str, value: object) -> None:
    """As Python hands on bytes of a command line that are not UTF-8; children could not read them."""
    with pytest.raises(SettingsError, match=f"^{name}: not UTF-8$"):
        load_settings({name: value}, {})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"vad": "fsnm"}, "vad: Input should be 'silero' or 'fsmn'"),
        ({"vad_model": "/models/fsmn"}, "vad_model is for other detectors: silero comes with its model"),
        (
            {"allowed_origins": "https://a.example,*"},
            "allowed_origins: not an origin such as https://app.example: *",
        ),
        (
            {"language": "!!"},
            "language: '!!' is not a language name or code of at most 32 characters",
        ),
        ({"log_level": "loud"}, "log_level: 'loud' is no level: debug, info, warning, error"),
        (
            {"silence_schedule": "long"},
            "silence_schedule: not a silence schedule: streaming, offline or AGE_MS:SILENCE_MS,...,inf:MS",
        ),
    ],
)
def test_what_cannot_be_used_is_told_with_the_accepted_form(values: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(values, {})
    assert str(caught.value).startswith(told)


def test_flags_win_over_variables_and_variables_over_the_file(tmp_path: Path) -> None:
    config = toml(tmp_path, "workers = 1\ngateways = 1\nport = 1001\n")
    environ = {"VOXSHARD_WORKERS": "2", "VOXSHARD_GATEWAYS": "2"}
    settings = load_settings({"workers": 3}, environ, config)
    assert (settings.workers, settings.gateways, settings.port) == (3, 2, 1_001)


def test_only_the_variables_handed_in_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXSHARD_WORKERS", "7")
    assert load_settings({}, {}).workers == 2
    assert load_settings({}).workers == 7


def test_variables_are_read_as_what_they_set(tmp_path: Path) -> None:
    environ = {
        "VOXSHARD_MODEL": str(tmp_path),
        "VOXSHARD_SESSION_TIMEOUT": "1.5",
        "VOXSHARD_SEGMENT_CAP_MS": "15000",
        "PATH": "/usr/bin",
    }
    settings = load_settings({}, environ)
    assert (settings.model, settings.session_timeout, settings.segment_cap_ms) == (str(tmp_path), 1.5, 15_000)


def test_the_file_may_be_named_by_a_variable_and_a_flag_names_a_better_one(tmp_path: Path) -> None:
    environ = {"VOXSHARD_CONFIG": str(toml(tmp_path, "workers = 4"))}
    assert load_settings({}, environ).workers == 4
    (tmp_path / "other").mkdir()
    assert load_settings({}, environ, toml(tmp_path / "other", "workers = 5")).workers == 5


def test_unknown_variables_are_errors_that_name_them() -> None:
    with pytest.raises(SettingsError, match="unknown variables: VOXSHARD_PROT, VOXSHARD_WORKER"):
        load_settings({}, {"VOXSHARD_WORKER": "1", "VOXSHARD_PROT": "1", "VOXSHARD_PORT": "1"})


def test_key_for_a_client_is_no_setting_and_no_error() -> None:
    assert load_settings({}, {"VOXSHARD_API_KEY": "vxs_secret"}) == load_settings({}, {})


def test_unknown_keys_of_the_file_are_errors_that_name_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="wrokers: Extra inputs are not permitted"):
        load_settings({}, {}, toml(tmp_path, "wrokers = 1"))


@pytest.mark.parametrize("content", [b"workers =", b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "voxshard.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"voxshard\.toml"):
        load_settings({}, {}, path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 0),
        ("port", 65_536),
        ("workers", -1),
        ("gateways", -1),
        ("workers", "many"),
        ("log_level", "chatty"),
        ("segment_cap_ms", 999),
        ("partial_interval_ms", 0),
        ("session_timeout", 0),
        ("silence_schedule", "5000:300"),
        ("redis_url", "localhost:6379"),
        ("otlp_endpoint", "collector:4318"),
        ("otlp_sample_ratio", 1.5),
        ("advertise_host", "0.0.0.0"),
        ("advertise_host", "10.0.0.2/"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("link_port", 0),
        ("capacity", 0),
    ],
)
def test_values_out_of_range_are_errors_that_name_the_setting(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: "):
        load_settings({name: value}, {})


def test_what_is_left_to_other_instances_is_found_by_redis() -> None:
    for alone in ({"workers": 0}, {"gateways": 0}):
        assert load_settings({**alone, "redis_url": "redis://10.0.0.7"}, {}).redis_url is not None
        with pytest.raises(SettingsError, match="gateways alone, need redis_url"):
            load_settings(alone, {})
    with pytest.raises(SettingsError, match="gateways alone, need redis_url"):
        load_settings({"workers": 0, "gateways": 0, "redis_url": "redis://10.0.0.7"}, {})


def test_the_password_of_an_address_is_in_no_message_and_in_no_printed_record() -> None:
    with pytest.raises(SettingsError, match="redis_url: ") as refused:
        load_settings({}, {"VOXSHARD_REDIS_URL": "redis://:secret@host:port"})
    assert "secret" not in str(refused.value)
    settings = load_settings({}, {"VOXSHARD_REDIS_URL": "redis://:secret@host"})
    assert settings.redis_url == "redis://:secret@host"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.exporter.otlp.proto.http"])
def test_a_collector_needs_the_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> None:
        if name != missing:
            raise ModuleNotFoundError(missing)

    url = "http://collector:4318"
    assert load_settings({"otlp_endpoint": url}, {}).otlp_endpoint == url
    monkeypatch.setattr("common.setting_groups.telemetry.find_spec", find)
    with pytest.raises(SettingsError, match=r"otlp_endpoint: .*pip install 'voxshard\[otel\]'"):
        load_settings({"otlp_endpoint": url}, {})
    assert load_settings({"otlp_endpoint": None}, {}).otlp_endpoint is None


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"^workers: .*; gateways: "):
        load_settings({"gateways": -1, "workers": 65}, {})


def test_the_record_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings({}, {}).workers = 3


def test_children_get_the_supervisors_record_whatever_their_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings({"run_dir": tmp_path, "silence_schedule": "1000:500,inf:300"}, {})
    file = tmp_path / "settings.json"
    file.write_text(settings.model_dump_json(exclude={"workers"}))
    monkeypatch.setenv("VOXSHARD_WORKERS", "9")
    assert settings_from_file(file) == settings


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is_for(name: str) -> None:
    assert Settings.model_fields[name].description


def test_a_source_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "voxshard.toml"
    source = SettingsSource({"workers": 3}, {"VOXSHARD_LANGUAGE": "en"}, file)
    with pytest.raises(ConfigUnreadable):
        source.load()
    for gateways in (2, 3):
        file.write_text(f"gateways = {gateways}\nworkers = 9\n")
        settings = source.load()
        assert (settings.gateways, settings.workers, settings.language) == (gateways, 3, "en")


def test_unknown_variables_are_told_by_name() -> None:
    with pytest.raises(UnknownVariables) as refused:
        load_settings({}, {"VOXSHARD_WROKERS": "3", "VOXSHARD_WORKERS": "3", "OTHER": "1"})
    assert refused.value.names == ("VOXSHARD_WROKERS",)
