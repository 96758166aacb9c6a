from __future__ import annotations

import sys
from types import ModuleType

import pytest

from worker.gpu import Card, card_of, cuda_driver, gpu_name, lacks_card, visible_card


class NVMLError(Exception):
    pass


CARDS = [Card(0, "NVIDIA H200", "GPU-aa"), Card(1, "NVIDIA L40S", "GPU-bb"), Card(2, "Tesla T4", "GPU-cc")]


class FakeLibrary(ModuleType):
    """nvidia-ml-py for three cards; a handle is the card itself."""

    NVMLError = NVMLError

    def __init__(self, driver: bool = True) -> None:
        super().__init__("pynvml")
        self._driver = driver
        self.open = 0

    def nvmlInit(self) -> None:
        if not self._driver:
            raise NVMLError
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlSystemGetCudaDriverVersion(self) -> int:
        return 13_010

    def nvmlDeviceGetCount(self) -> int:
        return len(CARDS)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        if index >= len(CARDS):
            raise NVMLError
        return CARDS[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Card:
        return next(card for card in CARDS if card.uuid == uuid)

    def nvmlDeviceGetIndex(self, card: Card) -> int:
        return card.index

    def nvmlDeviceGetName(self, card: Card) -> str:
        return card.name

    def nvmlDeviceGetUUID(self, card: Card) -> str:
        return card.uuid


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    library = FakeLibrary()
    monkeypatch.setitem(sys.modules, "pynvml", library)
    return library


@pytest.mark.parametrize(
    ("device", "visible", "name"),
    [
        ("cuda", None, "0:H200"),
        ("cuda:1", None, "1:L40S"),
        ("cuda:0", "2", "2:Tesla T4"),
        ("cuda:1", "0, GPU-bb", "1:L40S"),
        ("cuda:7", None, None),
        ("cuda:2", "0,1", None),
        ("cuda", "", None),
        ("cuda:-1", "0,1", None),
        ("cpu", None, None),
    ],
)
def test_name_of_the_card(device: str, visible: str | None, name: str | None, library: FakeLibrary) -> None:
    environ = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert gpu_name(device, environ) == name
    assert library.open == 0


def test_the_driver_says_which_cuda_it_knows(library: FakeLibrary) -> None:
    assert cuda_driver() == (13, 1)
    assert library.open == 0


def test_without_a_driver_there_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeLibrary(driver=False))
    assert card_of("cuda", {}) is None
    assert cuda_driver() is None


def test_without_the_library_there_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert card_of("cuda", {}) is None
    assert gpu_name("cuda", {}) is None


def test_a_device_beyond_the_visible_ones_keeps_its_number() -> None:
    assert visible_card("cuda:3", {"CUDA_VISIBLE_DEVICES": "4"}) is None


@pytest.mark.parametrize(
    ("device", "visible", "lacks"),
    [
        ("cuda", None, False),
        ("cuda:2", None, False),
        ("cuda:3", None, True),
        ("cuda", "2", False),
        ("cuda", "3", True),
        ("cuda:1", "2", True),
        ("cuda", "", True),
        # Only CUDA knows these.
        ("cuda", "GPU-b", False),
        ("cuda:1", "0,MIG-11", False),
        ("cpu", "", False),
        ("auto", "", False),
    ],
)
def test_a_card_is_lacking_only_if_it_certainly_is(
    device: str, visible: str | None, lacks: bool, library: FakeLibrary
) -> None:
    environ = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert lacks_card(device, environ) is lacks
    assert library.open == 0


def test_without_a_driver_there_is_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeLibrary(driver=False))
    assert lacks_card("cuda", {})


def test_without_the_library_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert not lacks_card("cuda:7", {})
