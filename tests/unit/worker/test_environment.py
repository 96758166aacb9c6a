from __future__ import annotations

from common.settings import PREFIX
from worker.environment import DEFAULTS, set_defaults


def test_what_is_not_set_is_set() -> None:
    environ = {"HOME": "/root"}
    set_defaults(environ)
    assert environ == {"HOME": "/root", **DEFAULTS}


def test_what_is_set_stays_even_if_it_is_empty() -> None:
    environ = {"OMP_NUM_THREADS": "4", "VLLM_LOGGING_LEVEL": ""}
    set_defaults(environ)
    assert environ["OMP_NUM_THREADS"] == "4"
    assert environ["VLLM_LOGGING_LEVEL"] == ""


def test_none_is_mistaken_for_a_setting() -> None:
    assert not any(name.startswith(PREFIX) for name in DEFAULTS)
