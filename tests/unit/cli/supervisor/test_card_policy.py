from __future__ import annotations

import signal

import pytest

from cli.supervisor.card_policy import Witness, witness
from common.process import BOOT_FAILED, CARD_LOST

ENGINE_DIED = 4


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([CARD_LOST], Witness.YES),
        ([ENGINE_DIED, 1, -signal.SIGSEGV, -signal.SIGABRT], Witness.PERHAPS),
        ([None, 0, BOOT_FAILED, -signal.SIGKILL, -signal.SIGTERM], Witness.NO),
    ],
)
def test_what_an_exit_code_tells_of_the_card(codes: list[int | None], expected: Witness) -> None:
    assert {witness(code) for code in codes} == {expected}
