"""Keeps sources that groups name out of inner networks: when they are named, and again whenever they are read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from collegium.domain.catalog import Dataset, SourceKind
from collegium.domain.destinations import Network, literal
from collegium.domain.errors import Misconfigured, Unavailable
from collegium.domain.groups import ManagedBy
from collegium.domain.sources import endpoint_of, git_place
from collegium.services.datasets.options import NETWORKS
from collegium.services.notifications.resolve import Lookup, check_reachable, refusal

_PORTS = {"https": 443, "http": 80, "ssh": 22}
#: Seconds for a name to be resolved.
PATIENCE = 10.0


def is_confined(dataset: Dataset) -> bool:
    """Did a group name the source? Those who run the platform may reach what they want."""
    return bool(dataset.owner) and dataset.managed_by is ManagedBy.API


def address_of(dataset: Dataset) -> tuple[str, str, int] | None:
    """Field, host and port of the server that its source is on; None if that is none of ours to reach."""
    if dataset.kind is SourceKind.GIT:
        place = git_place(dataset.source["url"])
        return "source.url", place.host, place.port or _PORTS[place.scheme]
    if dataset.kind is SourceKind.S3:
        parts = urlsplit(endpoint_of(dataset.source))
        return "source.endpoint", parts.hostname or "", parts.port or _PORTS[parts.scheme]
    return None


class Reach:
    """Resolves and judges. ``networks`` are allowed beside the public internet."""

    def __init__(self, lookup: Lookup, networks: Sequence[Network]) -> None:
        self._lookup, self._networks = lookup, networks

    async def check(self, dataset: Dataset) -> None:
        """Raise InvalidInput for a source that a group may not name."""
        if is_confined(dataset) and (found := address_of(dataset)):
            field, host, port = found
            await check_reachable(host, port, self._lookup, self._networks, field, NETWORKS)

    async def pin(self, dataset: Dataset) -> str:
        """The address to connect to, checked now; empty where any will do. What a name means later counts no more.

        Raises Misconfigured for one that is out of reach by now, Unavailable for a name that nobody knows.
        """
        found = address_of(dataset) if is_confined(dataset) else None
        if found is None:
            return ""
        _, host, port = found
        if (written := literal(host)) is not None:
            addresses = [str(written)]
        else:
            try:
                async with asyncio.timeout(PATIENCE):
                    addresses = [str(a[0]) for _, a in await self._lookup(host, port)]
            except (OSError, TimeoutError, UnicodeError):
                addresses = []
        if not addresses:
            raise Unavailable(f"The host {host} has no address now.")
        for address in addresses:
            if why := refusal(address, self._networks, NETWORKS):
                raise Misconfigured(f"The host {host} {why}.")
        return addresses[0].partition("%")[0]
