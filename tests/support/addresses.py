"""Where the processes of one instance listen: on ports in a row that were free."""

from __future__ import annotations

from cli.front import Gateway
from tests.support.port_range import free_port_range


class Addresses:
    def __init__(self, host: str, gateways: int, workers: int, *, proxied: bool = False) -> None:
        self._host = host
        self._gateways = gateways
        self._workers = workers
        self._proxied = proxied
        self._first_port = free_port_range(3 + 3 * gateways + 2 * workers)

    @property
    def port(self) -> int:
        return self._first_port

    @property
    def url(self) -> str:
        return f"ws://{self._host}:{self.port}"

    @property
    def live_urls(self) -> list[str]:
        """Of each gateway, where they have ports of their own."""
        return [f"ws://{self._host}:{self._proxied_port + index}" for index in range(self._gateways)]

    @property
    def behind(self) -> list[Gateway]:
        """The same, for what stands before them."""
        first = self._proxied_port
        return [
            Gateway(f"{self._host}:{first + index}", f"{self._host}:{first + self._gateways + index}")
            for index in range(self._gateways)
        ]

    @property
    def http_url(self) -> str:
        own = self._proxied_port + self._gateways
        return self._http(own if self._proxied else self._first_port + 1)

    @property
    def supervisor_url(self) -> str:
        return self._http(self._first_port + 2)

    def gateway_url(self, index: int) -> str:
        """Its ops port."""
        return self._http(self._first_port + 3 + index)

    def worker_url(self, worker: str) -> str:
        """Its ops port, by its id."""
        return self._http(self._first_port + 3 + self._gateways + int(worker.rpartition(":")[2]))

    def link_port(self, index: int) -> int:
        """Where worker `index` takes links of other instances."""
        return self._proxied_port + 2 * self._gateways + index

    @property
    def instance(self) -> str:
        """What it is called where instances share a Redis."""
        return f"{self._host}:{self.port}"

    @property
    def _proxied_port(self) -> int:
        return self._first_port + 3 + self._gateways + self._workers

    def _http(self, port: int) -> str:
        return f"http://{self._host}:{port}"

    def settings(self) -> dict[str, object]:
        """What an instance has to be told to be there."""
        first = self._first_port
        return {
            "host": self._host,
            "http-host": self._host,
            "ops-host": self._host,
            "port": first,
            "http-port": first + 1,
            "supervisor-ops-port": first + 2,
            "gateway-ops-port": first + 3,
            "worker-ops-port": first + 3 + self._gateways,
            "gateway-port": self._proxied_port,
            "gateway-http-port": self._proxied_port + self._gateways,
            "link-port": self.link_port(0),
        }
