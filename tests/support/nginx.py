"""A real nginx in front of gateways, as a deployment has one; the machine's own nginx is not touched."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from tests.support.ports import free_ports
from tests.support.server_process import DidNotAnswer, start_server

_EXIT_WITHIN_S: Final = 10.0

# max_fails=0: nginx counts a stream as a success only when it ends, so a gateway that was away once would be
# offered one stream a second at most, and the others be refused with 502.
_CONFIG: Final = """
daemon off;
pid {folder}/pid;
error_log {folder}/log warn;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_header {{ default upgrade; '' close; }}
    upstream gateways {{
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://gateways;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_header;
            proxy_set_header Host $host;
            proxy_connect_timeout 2s;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
            proxy_next_upstream error timeout;
        }}
    }}
}}
"""


class NoNginx(Exception):
    """It is not installed, or did not start; the message holds its log."""


class Nginx:
    """From `with` until the block is left."""

    def __init__(self, gateway_urls: Sequence[str]) -> None:
        [self._port] = free_ports(1)
        self._gateway_urls = gateway_urls
        self._folder = Path(tempfile.mkdtemp(prefix="voxshard-nginx-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
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
        return f"ws://127.0.0.1:{self._port}"

    def _start(self) -> None:
        """Raises `NoNginx`."""
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if program is None:
            raise NoNginx("nginx is not installed: apt-get install nginx-light")
        config = self._folder / "nginx.conf"
        config.write_text(self._config())
        argv = [program, "-p", str(self._folder), "-e", str(self._folder / "log"), "-c", str(config)]
        try:
            self._process = start_server(argv, self._answers)
        except DidNotAnswer as error:
            raise NoNginx(f"nginx: {error}\n{self._log()}") from None

    def _config(self) -> str:
        servers = "\n        ".join(
            f"server {urlsplit(url).netloc} max_fails=0;" for url in self._gateway_urls
        )
        return _CONFIG.format(folder=self._folder, port=self._port, servers=servers)

    def close(self) -> None:
        """Its worker process ends with the master that is told to."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_EXIT_WITHIN_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _log(self) -> str:
        log = self._folder / "log"
        return log.read_text() if log.exists() else ""
