"""Names to addresses that something may be sent to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tornado.netutil import Resolver

from collegium.domain.destinations import Network, forbidden, literal
from collegium.domain.errors import InvalidInput

#: (family, socket address), as a resolver of Tornado answers.
Found = list[tuple[int, Any]]
Lookup = Callable[[str, int], Awaitable[Found]]


class OutOfReach(Exception):
    """Nothing may be sent to where a name leads; the text says why and not where."""


class Names:
    """Asks the system. Threads of its own: names that nobody answers for must not take those of other work."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(4, "names")

    async def __call__(self, host: str, port: int) -> Found:
        """The addresses of a host; raises OSError if it has none."""

        def ask() -> Found:
            return [(int(a[0]), a[4]) for a in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)


class CheckedResolver(Resolver):
    """Answers with addresses that were checked, and whoever asks connects to these and to no other."""

    def initialize(self, lookup: Lookup, networks: Sequence[Network], setting: str = "notification_networks") -> None:
        """Tornado's constructor hook. ``setting`` is what allows more networks."""
        self._lookup, self._networks, self._setting = lookup, networks, setting

    async def resolve(self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC) -> Found:
        """Raises OutOfReach if any of the addresses is not to be reached: a name with a good and a bad one is no
        mistake."""
        if (written := literal(host)) is not None and (why := refusal(str(written), self._networks, self._setting)):
            raise OutOfReach(why)
        found = await self._lookup(host, port)
        for _, address in found:
            if why := refusal(str(address[0]), self._networks, self._setting):
                raise OutOfReach(why)
        return found


def refusal(address: str, networks: Sequence[Network], setting: str = "notification_networks") -> str:
    """Why nothing may be sent to an address, empty if it may. What it is stays untold: it may be of a network that
    whoever asks cannot look into."""
    plain = literal(address.partition("%")[0])
    why = "no address" if plain is None else forbidden(plain, networks)
    return f"leads to {why}; an operator can allow networks ({setting})" if why else ""


async def check_reachable(
    url_host: str,
    port: int,
    lookup: Lookup,
    networks: Sequence[Network],
    field: str = "url",
    setting: str = "notification_networks",
) -> None:
    """Raise InvalidInput for a host that leads nowhere allowed now. One that has no address now may have one later."""
    if (written := literal(url_host)) is not None and (why := refusal(str(written), networks, setting)):
        raise InvalidInput(field, why)
    try:
        async with asyncio.timeout(3):
            found = await lookup(url_host, port)
    except (OSError, TimeoutError, UnicodeError):
        return
    for _, address in found:
        if why := refusal(str(address[0]), networks, setting):
            raise InvalidInput(field, why)
