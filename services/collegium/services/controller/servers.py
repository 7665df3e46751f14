"""Which JupyterHub servers live, as the hub says, and asking it to stop some."""

from __future__ import annotations

import json
import ssl
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from collegium.domain.errors import Unavailable
from collegium.quota.servers import server_workload


class ServerSource(Protocol):
    """Answers which servers live, and ends them."""

    async def alive(self) -> set[str]:
        """Ledger keys of all servers that run, start or stop now. Raises anything if that is not known."""

    async def stop(self, user: str, server: str) -> None:
        """Ask for the end of a server; also of one that has ended already. Raises Unavailable if nobody heard it."""


class HubServers:
    """Asks the hub's REST API.

    The service's token needs ``list:users``, ``read:users:name``, ``read:servers`` and ``delete:servers``.
    """

    def __init__(self, api_url: str, token: str, tls: ssl.SSLContext | None = None) -> None:
        self._url, self._token, self._tls = api_url.rstrip("/"), token, tls

    async def alive(self) -> set[str]:
        """All pages of all users with active servers."""
        found: set[str] = set()
        offset: int | None = 0
        while offset is not None:
            items, offset = await self._page(offset)
            for user in items:
                if "servers" not in user:
                    # Without the scope the hub leaves the field out; that must not look like "no servers".
                    raise PermissionError("the service's token does not hold read:servers")
                found.update(server_workload(user["name"], name) for name in user["servers"])
        return found

    async def stop(self, user: str, server: str) -> None:
        """202 (it is ending), 204 (it has ended) and 404 (there is none) are all well."""
        name = f"servers/{quote(server, safe='')}" if server else "server"
        try:
            response = await AsyncHTTPClient().fetch(
                f"{self._url}/users/{quote(user, safe='')}/{name}",
                method="DELETE",
                headers={"Authorization": f"token {self._token}"},
                request_timeout=60,
                connect_timeout=5,
                ssl_options=self._tls,
                raise_error=False,
            )
        except (OSError, HTTPClientError) as error:
            raise Unavailable(f"the hub does not answer: {error}") from error
        if response.code == 404 or response.code < 300:
            return
        # 400: it starts or stops just now; 403: the service's role is an old one; 5xx: the stop itself failed.
        raise Unavailable(f"the hub did not stop it: HTTP {response.code}")

    async def _page(self, offset: int) -> tuple[list[dict[str, Any]], int | None]:
        query = urlencode({"state": "active", "offset": offset, "limit": 200})
        try:
            response = await AsyncHTTPClient().fetch(
                f"{self._url}/users?{query}",
                headers={"Authorization": f"token {self._token}", "Accept": "application/jupyterhub-pagination+json"},
                request_timeout=20,
                connect_timeout=5,
                ssl_options=self._tls,
            )
        except (OSError, HTTPClientError) as error:
            # A hub that restarts; a token that it does not know is as unable to say which servers live.
            raise Unavailable(f"the hub does not say which servers live: {error}") from error
        body = json.loads(response.body)
        following = body["_pagination"]["next"]
        return body["items"], int(following["offset"]) if following else None
