"""Every setting of every process, in one frozen record: flags over VOXSHARD_* variables over a TOML file.

Unknown keys are errors, unknown VOXSHARD_* variables too. The supervisor hands its record on to its
children as a file, so that all of them run with the same values.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from common.addresses import check_advertise_host, check_collector_url, check_redis_url
from common.errors import BadSilenceSchedule
from common.log_levels import checked_levels
from common.proxies import parse_proxies
from common.settings_errors import ConfigUnreadable, SettingsError, UnknownVariables
from common.silence import parse_schedule

PREFIX: Final = "VOXSHARD_"
_CONFIG_VARIABLE: Final = PREFIX + "CONFIG"
# What `voxshard stream` shows to servers. Servers have no use for it, but may be started from the same shell.
API_KEY_VARIABLE: Final = PREFIX + "API_KEY"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    host: str = Field(default="127.0.0.1", description="address of the live port")
    port: int = Field(default=10_095, ge=1, le=65_535, description="live streams (WebSocket)")
    http_host: str = Field(default="127.0.0.1", description="address of the HTTP port")
    http_port: int = Field(default=8_899, ge=1, le=65_535, description="HTTP: health, metrics, workers")
    ops_host: str = Field(default="127.0.0.1", description="address of each process's own ops port")
    gateway_ops_port: int = Field(
        default=9_400, ge=1, le=65_535, description="ops port of gateway 0, then +1 each"
    )
    worker_ops_port: int = Field(
        default=9_500, ge=1, le=65_535, description="ops port of worker 0, then +1 each"
    )
    supervisor_ops_port: int = Field(default=9_600, ge=1, le=65_535, description="ops port of the supervisor")
    link_port: int = Field(
        default=9_700, ge=1, le=65_535, description="links of other hosts to worker 0, then +1 each"
    )

    workers: int = Field(default=2, ge=0, le=64, description="worker processes; with Redis also none")
    gateways: int = Field(default=1, ge=0, le=64, description="gateway processes; with Redis also none")
    proxied: bool = Field(
        default=False, description="each gateway on ports of its own, for a proxy in front of them"
    )
    gateway_port: int = Field(
        default=11_095, ge=1, le=65_535, description="live port of gateway 0 behind a proxy, then +1 each"
    )
    gateway_http_port: int = Field(
        default=18_899, ge=1, le=65_535, description="HTTP port of gateway 0 behind a proxy, then +1 each"
    )
    pin_cores: bool = Field(default=True, description="each worker on processor cores of its own (Linux)")
    run_dir: Path | None = Field(
        default=None, description="folder of the link sockets; made and removed if not given"
    )
    placement_seed: str = Field(
        default="", description="secret of the placement hash; made at start if not given"
    )
    redis_url: str | None = Field(
        default=None,
        repr=False,
        description="Redis that gateways share, redis://, rediss:// or unix://; each for itself if not given",
    )
    advertise_host: str | None = Field(
        default=None, description="address of this host for the others; that towards Redis if not given"
    )
    tenants_file: Path | None = Field(
        default=None, description="who may connect, with keys and quotas; everybody if not given"
    )
    allowed_origins: str = Field(
        default="", description="origins of web pages that may connect, with commas between; any if not given"
    )
    trusted_proxies: str = Field(
        default="127.0.0.1,::1",
        description="proxies whose X-Forwarded-For counts: addresses and networks, with commas between",
    )
    log_level: Annotated[str, AfterValidator(checked_levels)] = Field(
        default="info", description="least level logged, or info,worker-1=debug,..."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="lines for people, or JSON objects"
    )
    otlp_endpoint: str | None = Field(
        default=None, description="collector of traces, http://HOST:4318; no traces if not given"
    )
    otlp_sample_ratio: float = Field(default=1.0, ge=0, le=1, description="share of sessions that are traced")

    engine: str = Field(default="moonshine", description="registered engine, or module:attribute")
    model: str | None = Field(
        default=None, description="model folder, or its id at the hub; the engine's own if not given"
    )
    hub: Literal["ms", "hf"] = Field(default="ms", description="where a model id is looked up")
    prepared: Path | None = Field(
        default=None, description="folder of the prepared weights; beside the model if not given"
    )
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N")
    mps: Literal["auto", "on", "off"] = Field(
        default="auto", description="CUDA's MPS daemon for the workers: where they use a card, always, never"
    )
    mps_memory_gib: float | None = Field(
        default=None,
        gt=0,
        description="GiB of the card for each process of a worker under MPS; no limit if not given",
    )
    mps_thread_percentage: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="percent of the multiprocessors for each process of a worker under MPS; all if not given",
    )
    dtype: Literal["auto", "bf16", "fp32"] = Field(default="auto", description="precision of model weights")
    gpu_memory_utilization: float = Field(
        default=0.3, gt=0, le=1, description="share of the card that the language model may fill"
    )
    kv_cache_gib: float = Field(default=4.0, gt=0, description="GiB of key-value cache of the language model")
    max_model_len: int = Field(default=2_048, ge=256, description="longest prompt with its text, in tokens")
    tensor_parallel_size: int = Field(default=1, ge=1, description="cards that share one language model")
    partial_mode: Literal["auto", "window", "prefix"] = Field(
        default="auto", description="partials anew from a window, or on from the agreed prefix"
    )
    vad: str = Field(default="silero", description="voice activity detector: silero, fsmn")
    vad_model: Path | None = Field(
        default=None, description="folder of the detector's model; its own if not given"
    )
    language: str | None = Field(default=None, description="language of sessions that set none")
    hotword_file: Path | None = Field(
        default=None, description="hotwords of sessions that set none, one a line"
    )
    silence_schedule: str = Field(
        default="streaming", description="streaming, offline or AGE_MS:SILENCE_MS,...,inf:MS"
    )
    segment_cap_ms: int | None = Field(
        default=None, ge=1_000, description="longest segment; the engine's if not given"
    )
    partial_interval_ms: int = Field(
        default=480, ge=100, description="new audio between two partials, and before the first"
    )
    partial_window_ms: int = Field(
        default=8_000, ge=1_000, description="newest audio that a partial is decoded from"
    )

    boot_timeout: float = Field(
        default=300.0,
        gt=0,
        description="seconds a child may take to become ready, its turn at the card included",
    )
    session_timeout: float = Field(
        default=60.0, gt=0, description="seconds without a sign of its gateway: evicted"
    )
    drain_timeout: float = Field(
        default=30.0,
        ge=0,
        description="seconds that a worker told to stop gives its sessions to go elsewhere at an endpoint",
    )
    failover_timeout: float = Field(
        default=120.0, gt=0, description="seconds for which a session without a worker waits for one"
    )
    max_lag_ms: int = Field(
        default=0, ge=0, description="a worker later than this takes no new sessions; 0: no limit"
    )
    max_speaking: int | None = Field(
        default=None, ge=1, description="sessions of one worker that may speak at once; any if not given"
    )
    capacity: float | None = Field(
        default=None, gt=0, description="sessions that a worker was measured to serve; all alike if not given"
    )
    idle_timeout: float = Field(
        default=60.0, gt=0, description="seconds without a message of the client: closed 4408"
    )
    start_timeout: float = Field(
        default=600.0, gt=0, description="seconds of a connection without a session: closed 4408"
    )
    max_session: float = Field(
        default=14_400.0, gt=0, description="seconds of a session from START: finished, then closed 1008"
    )
    slow_reader_timeout: float = Field(
        default=30.0, gt=0, description="seconds of unread results: closed 1008"
    )

    def live_port(self, gateway: int) -> int:
        """Where this gateway takes live streams."""
        return self.gateway_port + gateway if self.proxied else self.port

    def http_port_of(self, gateway: int) -> int:
        """Where this gateway answers HTTP."""
        return self.gateway_http_port + gateway if self.proxied else self.http_port

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is handed in and nothing else: `load_settings` reads the variables, children read none."""
        return (init_settings,)

    @field_validator("silence_schedule")
    @classmethod
    def _schedule_can_be_read(cls, text: str) -> str:
        try:
            parse_schedule(text)
        except BadSilenceSchedule as error:
            raise ValueError(error.text) from error
        return text

    @model_validator(mode="after")
    def _there_is_somebody_to_work_with(self) -> Self:
        if not (self.workers and self.gateways) and (self.redis_url is None or self.workers == self.gateways):
            raise ValueError("workers alone, or gateways alone, need redis_url to find each other")
        return self

    @field_validator("redis_url")
    @classmethod
    def _url_can_be_one(cls, text: str | None) -> str | None:
        if text is not None:
            check_redis_url(text)
        return text

    @field_validator("otlp_endpoint")
    @classmethod
    def _spans_can_be_sent(cls, text: str | None) -> str | None:
        if text is not None:
            check_collector_url(text)
            if not _has_exporter():
                raise ValueError("traces need the extra `otel`: pip install 'voxshard[otel]'")
        return text

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_can_be_read(cls, text: str) -> str:
        parse_proxies(text)
        return text

    @field_validator("advertise_host")
    @classmethod
    def _others_can_connect(cls, text: str | None) -> str | None:
        if text is not None:
            check_advertise_host(text)
        return text


def load_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ, config: Path | None = None
) -> Settings:
    """Flags (those given) over variables over the TOML file. Raises `SettingsError`."""
    variables = {key: value for key, value in environ.items() if key.startswith(PREFIX)}
    file = config or (Path(variables[_CONFIG_VARIABLE]) if _CONFIG_VARIABLE in variables else None)
    unknown = sorted(set(variables) - _known_variables())
    if unknown:
        raise UnknownVariables(unknown)
    for no_setting in (_CONFIG_VARIABLE, API_KEY_VARIABLE):
        variables.pop(no_setting, None)
    from_variables = {key.removeprefix(PREFIX).lower(): value for key, value in variables.items()}
    return _validated({**_read_toml(file), **from_variables, **flags})


def settings_from_file(path: Path) -> Settings:
    """The record that a supervisor wrote for its children; variables do not count again."""
    return Settings.model_validate_json(path.read_text())


def _has_exporter() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


def _known_variables() -> set[str]:
    return {_CONFIG_VARIABLE, API_KEY_VARIABLE, *(PREFIX + name.upper() for name in Settings.model_fields)}


def _read_toml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigUnreadable(f"{path}: {error}") from error


def _validated(values: dict[str, Any]) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = [": ".join([*map(str, item["loc"]), item["msg"]]) for item in error.errors()]
        raise SettingsError("; ".join(lines)) from error
