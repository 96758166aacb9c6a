"""`voxshard serve` as a child, and what its log and its pages tell."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from common.ops_client import FetchFailed, fetch_json, fetch_text

_ROOT: Final = Path(__file__).parent.parent.parent
_POLL_S: Final = 0.05
_ANSWER_S: Final = 5.0
_STOP_S: Final = 60.0
_LINE: Final = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) [A-Z]+ ([\w-]+): (.*)$")
_FIELD: Final = re.compile(r" (\w+)=")
_SAID_LINES: Final = 15


class ServingFailed(Exception):
    """It did not become ready, or did not end; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a log. `at`: seconds since the epoch."""

    at: float
    process: str
    message: str
    fields: dict[str, str] = field(default_factory=dict)


def parse_log(text: str) -> Iterator[Event]:
    """Lines of Voxshard's processes; whatever else stands between them is left out."""
    for line in text.splitlines():
        if (found := _LINE.match(line)) is not None:
            at = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f").astimezone()
            message, *pairs = _FIELD.split(found[3])
            yield Event(at.timestamp(), found[2], message, dict(zip(pairs[::2], pairs[1::2], strict=True)))


class Serving:
    """From `with` until the block is left; nothing of it runs afterwards."""

    def __init__(self, flags: Sequence[str], folder: Path) -> None:
        self._flags = flags
        self._out, self._err = folder / "serve.out", folder / "serve.err"

    def __enter__(self) -> Serving:
        command = (sys.executable, "-c", "from cli.main import main; main()", "serve", *self._flags)
        self.began = time.time()
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )
        return self

    def __exit__(self, *_: object) -> None:
        # Its children end with it.
        self._process.kill()
        self._process.wait()

    def wait_ready(self, limit_s: float) -> None:
        """Raises `ServingFailed`."""
        deadline = time.monotonic() + limit_s
        while "ready" not in self._said():
            if self._process.poll() is not None:
                raise ServingFailed(f"exit code {self._process.returncode}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise ServingFailed(f"not ready within {limit_s:g} s: {self._last_words()}")
            time.sleep(_POLL_S)

    def stop(self) -> float:
        """Seconds that it took. Raises `ServingFailed`."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired as error:
            raise ServingFailed(f"did not end within {_STOP_S:g} s: {self._last_words()}") from error
        if code:
            raise ServingFailed(f"exit code {code}: {self._last_words()}")
        return time.monotonic() - began

    def keep_log(self, file: Path) -> None:
        """At the end of `file`, whose folder is made."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as kept:
            kept.write(self._err.read_text(errors="replace"))

    @property
    def events(self) -> list[Event]:
        return list(parse_log(self._err.read_text(errors="replace")))

    def address(self, name: str) -> str:
        """Of `live`, or of the ops port of a process."""
        lines = (line.removeprefix("ops ").partition(" ") for line in self._said())
        return next(url for said, _, url in lines if said == name)

    def pids(self) -> dict[str, int | None]:
        """Of the supervisor's children."""
        children = fetch_json(self.address("supervisor") + "/children", _ANSWER_S)["children"]
        return {child["name"]: child["pid"] for child in children}

    def total(self, process: str, series: str, **labels: str) -> float:
        """Sum of a series of this process's page; 0 if it has none."""
        try:
            page = fetch_text(self.address(process) + "/metrics", _ANSWER_S)
        except FetchFailed:
            return 0.0
        samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
        return sum(s.value for s in samples if s.name == series and labels.items() <= s.labels.items())

    def _said(self) -> list[str]:
        return self._out.read_text().splitlines()

    def _last_words(self) -> str:
        return "\n".join(self._err.read_text(errors="replace").splitlines()[-_SAID_LINES:])
