from __future__ import annotations

import pytest

from common.settings import load_settings
from worker.engines import preparation
from worker.engines.preparation import CannotPrepare, needs_preparation, prepare_model


def test_engines_that_need_it_are_known() -> None:
    assert needs_preparation("fun-asr-nano")
    assert not needs_preparation("moonshine")
    assert not needs_preparation("module:create")


def test_missing_packages_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(preparation.PREPARATIONS, "other", "no_such_package:prepare")
    with pytest.raises(CannotPrepare) as error:
        prepare_model(load_settings({"engine": "other"}, {}))
    assert str(error.value) == (
        "engine other needs packages that are not installed: No module named 'no_such_package'"
    )
