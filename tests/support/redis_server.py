"""A real Redis of the test's own, which can be stopped, killed, emptied and started again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from redis import Redis
from redis.exceptions import RedisError

from tests.support.ports import free_ports
from tests.support.server_process import DidNotAnswer, start_server

PASSWORD: Final = "a-password-that-no-log-may-show"


class NoRedis(Exception):
    """Redis is not installed, or did not start; the message says which."""


class RedisServer:
    """From `with` until the block is left: keeps nothing on disk, so that a new start is an empty one."""

    def __init__(self, host: str = "127.0.0.1", flags: Sequence[str] = ()) -> None:
        """`flags`: further ones of redis-server."""
        [self._port] = free_ports(1)
        self._host = host
        self._flags = flags
        self._folder = Path(tempfile.mkdtemp(prefix="voxshard-redis-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@{self._host}:{self._port}/0"

    @property
    def socket(self) -> Path:
        """It listens there as well."""
        return self._folder / "socket"

    def start(self) -> None:
        """Raises `NoRedis`."""
        program = shutil.which("redis-server")
        if program is None:
            raise NoRedis("redis-server is not installed: apt-get install redis-server")
        try:
            self._process = start_server([program, *self._options()], self._answers)
        except DidNotAnswer as error:
            raise NoRedis(f"redis-server: {error}\n{self._log()}") from None

    def _options(self) -> list[str]:
        options = {
            "port": str(self._port),
            "bind": self._host,
            "unixsocket": str(self.socket),
            "requirepass": PASSWORD,
            "save": "",
            "appendonly": "no",
            "dir": str(self._folder),
            "logfile": str(self._folder / "log"),
        }
        return [*(part for name, value in options.items() for part in (f"--{name}", value)), *self._flags]

    def flush(self) -> None:
        with Redis.from_url(self.url) as client:
            client.flushall()

    def keys(self, prefix: str = "") -> list[str]:
        """Those that begin so."""
        with Redis.from_url(self.url) as client:
            return sorted(key.decode() for key in client.scan_iter(f"{prefix}*"))

    def ends_s(self) -> list[float]:
        """How long each key lasts from now on; negative: it has no end."""
        with Redis.from_url(self.url) as client:
            return [client.pttl(key) / 1_000 for key in client.scan_iter()]

    def pause(self) -> None:
        """It takes connections and answers nothing."""
        self._running.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._running.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    def _log(self) -> str:
        log = self._folder / "log"
        return log.read_text() if log.exists() else ""
