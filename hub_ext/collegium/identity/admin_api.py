"""Requests to a realm's admin API as one service account, and what its answers mean.

The library keeps token and connections. Nothing of a request's body, and no secret, comes out of here in an error.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from keycloak.exceptions import KeycloakConnectionError, KeycloakError

from collegium.domain.errors import Conflict, Forbidden, InvalidInput, Misconfigured, NotFound, Unavailable, shorten
from collegium.identity.settings import ClientSettings, KeycloakSettings
from keycloak import KeycloakOpenIDConnection

#: Requests under way at once; one import must not starve Keycloak of its threads.
MAX_AT_ONCE = 8
#: Of these, for many questions of one kind: whoever comes in between does not wait for all of them.
MANY_AT_ONCE = 6
#: Rows asked for at a time.
PAGE = 500
S = TypeVar("S")
T = TypeVar("T")
# One line per request would bury everything else.
logging.getLogger("httpx").setLevel(logging.WARNING)


async def each(work: Callable[[S], Awaitable[T]], items: Iterable[S], at_once: int = MANY_AT_ONCE) -> list[T]:
    """What ``work`` makes of each, in their order, some at a time; after an error no more is begun."""
    done: dict[int, T] = {}
    left = enumerate(items)

    async def some() -> None:
        for place, item in left:
            try:
                done[place] = await work(item)
            except BaseException:
                list(left)
                raise

    ends = await asyncio.gather(*(some() for _ in range(at_once)), return_exceptions=True)
    for error in ends:
        if error is not None:
            raise error
    return [done[place] for place in sorted(done)]


def segment(text: str) -> str:
    """An id as one part of a path."""
    return quote(text, safe="")


class AdminApi:
    """GET, POST, PUT and DELETE below ``/admin/realms/<realm>/``.

    Each raises NotFound, Forbidden (Keycloak does not let this client), Conflict, InvalidInput, or Unavailable: no
    answer, a failure there, or a client that cannot log in. ``what`` ends the sentence "Keycloak … to <what>".
    """

    def __init__(self, settings: KeycloakSettings, client: ClientSettings, setting: str) -> None:
        self._settings, self._client, self._setting = settings, client, setting
        self._secret = ""
        self._connection: KeycloakOpenIDConnection | None = None
        self._login = asyncio.Lock()
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)

    @property
    def client_id(self) -> str:
        """Who asks."""
        return self._client.client_id

    async def get(self, path: str, what: str, /, **query: Any) -> Any:
        """The answer's JSON."""
        return json.loads((await self._call("get", path, what, None, query)).content or b"null")

    async def pages(self, path: str, what: str, /, **query: Any) -> list[Any]:
        """All rows of a list."""
        found: list[Any] = []
        while True:
            page = await self.get(path, what, first=len(found), max=PAGE, **query)
            found += page
            if len(page) < PAGE:
                return found

    async def post(self, path: str, what: str, body: Any, /, **query: Any) -> str:
        """The id of what was made, empty if the answer names none."""
        answer = await self._call("post", path, what, body, query)
        return str(answer.headers.get("Location", "")).rpartition("/")[2]

    async def put(self, path: str, what: str, body: Any = None, /, **query: Any) -> None:
        """Done."""
        await self._call("put", path, what, body, query)

    async def delete(self, path: str, what: str, body: Any = None, /, **query: Any) -> None:
        """Done."""
        await self._call("delete", path, what, body, query)

    async def token(self) -> str:
        """A token of the service account."""
        return str(((await self._ready()).token or {})["access_token"])

    async def close(self) -> None:
        """Let go of the connections."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.aclose()

    async def _call(self, verb: str, path: str, what: str, body: Any, query: Mapping[str, Any]) -> Any:
        text = {k: str(v).lower() if isinstance(v, bool) else v for k, v in query.items()}
        where = f"admin/realms/{segment(self._settings.realm)}/{path}"
        async with self._turns:
            connection = await self._ready()
            try:
                send = getattr(connection, f"a_raw_{verb}")
                # A body of None means none, except where the library insists on one.
                answer = await (send(where, **text) if verb == "get" else send(where, _body(body), **text))
            except KeycloakConnectionError:
                raise Unavailable("Keycloak does not answer now. Try again in a moment.") from None
            except KeycloakError as error:
                raise self._no_login(error) from None
        if answer.status_code >= 400:
            raise self._refusal(answer.status_code, answer.content, what)
        return answer

    async def _ready(self) -> KeycloakOpenIDConnection:
        """A connection with a token that is good; the secret's file is read again each time a token is due."""
        async with self._login:
            try:
                if self._connection is None or self._secret != self._client.secret():
                    await self._connect()
                assert self._connection is not None
                await self._connection.a__refresh_if_required()
            except KeycloakConnectionError:
                raise Unavailable("Keycloak does not answer now. Try again in a moment.") from None
            except KeycloakError as error:
                raise self._no_login(error) from None
            except InvalidInput as error:
                raise Misconfigured(f"{self._setting}.{error.message.removeprefix('keycloak.')}") from None
            return self._connection

    async def _connect(self) -> None:
        await self.close()
        self._secret = self._client.secret()
        # The library wants whole seconds in its types; its HTTP client does not.
        patience: Any = self._settings.patience
        self._connection = KeycloakOpenIDConnection(
            server_url=f"{self._settings.server_url}/",
            realm_name=self._settings.realm,
            client_id=self._client.client_id,
            client_secret_key=self._secret,
            grant_type="client_credentials",
            verify=str(self._settings.ca_file) if self._settings.ca_file else True,
            timeout=patience,
        )

    def _no_login(self, error: KeycloakError) -> Unavailable | Misconfigured:
        if (error.response_code or 500) >= 500:
            return Unavailable("Keycloak fails now. Try again in a moment.")
        return Misconfigured(
            f"Keycloak does not let the client {self._client.client_id} log in: look at {self._setting}.client_id, "
            f"{self._setting}.client_secret_file, and whether the client has a service account.",
            client=self._client.client_id,
        )

    def _refusal(self, status: int, content: bytes, what: str) -> Exception:
        said, field = _message(content)
        if status == 401:
            return self._no_login(KeycloakError(response_code=401))
        if status == 403:
            return Forbidden(
                f"Keycloak does not let the client {self._client.client_id} {what}; "
                "docs/keycloak.md says which permissions it needs.",
                client=self._client.client_id,
            )
        if status == 404:
            return NotFound(f"Keycloak finds nothing to {what}.")
        if status == 409:
            return Conflict(f"Keycloak refuses to {what}: {said or 'there is one already'}.")
        if status < 500:
            return InvalidInput(field or "request", f"Keycloak refuses to {what}: {said or status}")
        return Unavailable(f"Keycloak failed to {what}: {said or status}.")


def _body(body: Any) -> Any:
    return "" if body is None else json.dumps(body)


def _message(content: bytes) -> tuple[str, str]:
    """What Keycloak says, on one line, and the field that it names."""
    try:
        body = json.loads(content)
    except ValueError:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    said = body.get("errorMessage") or body.get("error_description") or body.get("error") or ""
    if isinstance(body.get("errors"), list) and body["errors"] and isinstance(body["errors"][0], dict):
        # Several fields at once: the first is told.
        said, body = body["errors"][0].get("errorMessage") or said, body["errors"][0]
    field = body.get("field")
    return shorten(str(said), 200) or "", _FIELDS.get(str(field), str(field)) if field else ""


_FIELDS = {"firstName": "first_name", "lastName": "last_name"}
