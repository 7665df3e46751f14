"""Answers HTTP at the addresses of simulated pods: ``python -m benchmarks.fake_servers PORT NETWORK``.

A hub asks a new server over HTTP whether it is there, and nothing listens at a simulated pod's address. So this machine
takes the whole range of those addresses for its own while a benchmark runs (a ``local`` route, Linux's AnyIP), and one
small process answers at all of them with the hub's version. The hubs that are measured run as they are.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import ipaddress
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nX-JupyterHub-Version: "
    + importlib.metadata.version("jupyterhub").encode()
    + b"\r\n\r\nok"
)


@contextmanager
def fake_servers(host_ip: str, port: int) -> Iterator[None]:
    """All simulated pods of the test cluster with this ``host_ip`` answer at ``port``. Needs root, as the cluster."""
    from benchmarks.running import until

    # As tests/cluster/env.sh has it.
    pods = ipaddress.ip_network(f"10.{244 - int(host_ip.split('.')[2])}.128.0/17")
    route = ["local", str(pods), "dev", "lo"]
    subprocess.run(["ip", "route", "replace", *route], check=True)
    argv = [sys.executable, "-m", "benchmarks.fake_servers", str(port), str(pods)]
    process = subprocess.Popen(argv, cwd=Path(__file__).parents[1], stdin=subprocess.DEVNULL)
    try:
        until("the servers answer", lambda: asyncio.run(_answers(str(pods[1]), port)), 30)
        yield
    finally:
        process.terminate()
        process.wait()
        subprocess.run(["ip", "route", "del", *route], check=False)


async def _answers(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


class _Always(asyncio.Protocol):
    """Every request gets the same answer, at the pods' addresses and at no other of this machine."""

    def __init__(self, pods: ipaddress.IPv4Network | ipaddress.IPv6Network) -> None:
        self._pods = pods

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._head = transport, b""
        if ipaddress.ip_address(transport.get_extra_info("sockname")[0]) not in self._pods:
            transport.close()

    def data_received(self, data: bytes) -> None:
        self._head += data
        while b"\r\n\r\n" in self._head:
            self._head = self._head.partition(b"\r\n\r\n")[2]
            assert isinstance(self._transport, asyncio.WriteTransport)
            self._transport.write(_ANSWER)


async def _serve(port: int, pods: str) -> None:
    network = ipaddress.ip_network(pods)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Always(network), "0.0.0.0", port, backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
