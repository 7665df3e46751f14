"""One realm as an OpenID provider: where it is, and the four questions that a login and a refresh put to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from collegium.domain.errors import InvalidInput, Misconfigured, Unavailable, shorten
from collegium.identity.fetch import Answer, Fetcher
from collegium.identity.keys import Keys, Refused, verify
from collegium.identity.settings import KeycloakSettings

#: Seconds for which discovery is believed. Older than that it still serves while Keycloak is silent.
DISCOVERY_AGE = 3600.0
#: What a logout token says of itself.
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class TokenEnded(Exception):
    """The access token is not valid any more: whether the session is, a refresh tells."""


class GrantRefused(Exception):
    """Keycloak does not accept this code or refresh token; the text is its reason."""


@dataclass(frozen=True)
class Discovery:
    """Where the realm's endpoints are. ``algorithms`` are those that it signs with."""

    authorize: str
    token: str
    userinfo: str
    keys: str
    logout: str
    algorithms: frozenset[str]


@dataclass(frozen=True)
class Tokens:
    """An answer of the token endpoint. ``repr`` shows none of them."""

    access_token: str
    refresh_token: str = ""
    id_token: str = ""

    def __repr__(self) -> str:
        return "Tokens(…)"


class Provider:
    """Asks one realm. Raises Unavailable while it is silent and Misconfigured where a setting is wrong."""

    def __init__(self, settings: KeycloakSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._description = f"{settings.issuer}/.well-known/openid-configuration"
        ca = str(settings.ca_file) if settings.ca_file else None
        self.fetcher = Fetcher(settings.patience, self._description, ca)
        self.keys = Keys(self._read_keys, clock)
        self._clock = clock
        self._discovery: Discovery | None = None
        self._discovered_at = 0.0
        self._lock = asyncio.Lock()

    async def discovery(self, fresh: bool = False) -> Discovery:
        """The realm's endpoints, asked for once an hour; ``fresh`` asks now, and raises Unavailable for silence."""
        if fresh:
            # Without the lock: others, who know enough, need not wait.
            self._discovery = await self._discover()
            self._discovered_at = self._clock()
            return self._discovery
        async with self._lock:
            known = self._discovery
            if known is not None and self._clock() - self._discovered_at < DISCOVERY_AGE:
                return known
            try:
                self._discovery = await self._discover()
            except Unavailable:
                if known is None:
                    raise
                return known
            self._discovered_at = self._clock()
            return self._discovery

    @property
    def known(self) -> Discovery | None:
        """Discovery as far as it is known, without asking."""
        return self._discovery

    async def exchange(self, code: str, redirect_uri: str, verifier: str) -> Tokens:
        """Tokens for the code that the browser brought. Raises GrantRefused."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return await self._tokens({**form, "code_verifier": verifier})

    async def refresh(self, refresh_token: str) -> Tokens:
        """New tokens; the old refresh token may be worthless from here on. Raises GrantRefused."""
        fresh = await self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})
        return Tokens(fresh.access_token, fresh.refresh_token or refresh_token, fresh.id_token)

    async def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """What the realm says of the person now. Raises TokenEnded."""
        answer = await self.fetcher.get((await self.discovery()).userinfo, access_token)
        if answer.status == 401:
            raise TokenEnded
        if answer.status != 200 or not isinstance(answer.body, Mapping):
            problem = "no JSON" if answer.status == 200 else f"{answer.status} {answer.reason}"
            raise Misconfigured(
                f"Keycloak's userinfo answers {problem}; the client's setting 'User info signed response algorithm' "
                "must be unsigned, and its tokens need the scope openid."
            )
        return answer.body

    async def verify_id_token(self, token: str, nonce: str | None = None) -> Mapping[str, Any]:
        """The claims of an ID token; with a nonce, of the login that it belongs to. Raises Refused."""
        claims = await self._verify(token, "ID token", ("exp", "iat", "sub"), ours=True)
        if nonce is not None and claims.get("nonce") != nonce:
            raise Refused("ID token", "nonce", "it belongs to another login")
        return claims

    async def verify_logout_token(self, token: str) -> Mapping[str, Any]:
        """The claims of a logout token. Raises Refused."""
        claims = await self._verify(token, "logout token", ("iat", "jti"), ours=False)
        events = claims.get("events")
        if not isinstance(events, Mapping) or not isinstance(events.get(LOGOUT_EVENT), Mapping):
            raise Refused("logout token", "events", "it is about something else")
        if "nonce" in claims:
            raise Refused("logout token", "nonce", "it is an ID token")
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise Refused("logout token", "sub", "it does not say who is logged out")
        return claims

    async def _verify(self, token: str, what: str, require: tuple[str, ...], ours: bool) -> dict[str, Any]:
        return await verify(
            token,
            self.keys,
            what=what,
            issuer=self.settings.issuer,
            audience=self.settings.login.client_id,
            algorithms=(await self.discovery()).algorithms,
            require=require,
            ours=ours,
        )

    async def _tokens(self, form: Mapping[str, str]) -> Tokens:
        login = self.settings.login
        try:
            secret = login.secret()
        except InvalidInput as error:
            raise Misconfigured(error.message) from None
        answer = await self.fetcher.post(
            (await self.discovery()).token, {**form, "client_id": login.client_id, "client_secret": secret}
        )
        if answer.status == 200 and isinstance(answer.body, Mapping):
            found = [answer.body.get(name) for name in ("access_token", "refresh_token", "id_token")]
            if isinstance(found[0], str) and found[0]:
                return Tokens(*[t if isinstance(t, str) else "" for t in found])
        if answer.error == "invalid_grant":
            raise GrantRefused(answer.reason)
        # Not the person's fault, and no reason to log anybody out.
        raise Misconfigured(
            f"Keycloak refuses the client {login.client_id}: {answer.reason}. Compare keycloak.login and its secret "
            "with the realm's client."
        )

    async def _read_keys(self) -> Answer:
        return await self.fetcher.get((await self.discovery()).keys)

    async def _discover(self) -> Discovery:
        issuer = self.settings.issuer
        answer = await self.fetcher.get(self._description)
        body = answer.body
        if answer.status != 200 or not isinstance(body, Mapping):
            raise Misconfigured(
                f"keycloak.issuer: there is no realm at {issuer} (discovery answers {answer.status}); the address must "
                "end in /realms/<realm>"
            )
        if body.get("issuer") != issuer:
            raise Misconfigured(
                f"keycloak.issuer is {issuer}, and the realm calls itself {shorten(body.get('issuer'), 200)}; both "
                "must be the same: set this one, or Keycloak's hostname"
            )
        algorithms = body.get("id_token_signing_alg_values_supported")
        return Discovery(
            authorize=_endpoint(body, "authorization_endpoint", issuer),
            token=_endpoint(body, "token_endpoint", issuer),
            userinfo=_endpoint(body, "userinfo_endpoint", issuer),
            keys=_endpoint(body, "jwks_uri", issuer),
            logout=_endpoint(body, "end_session_endpoint", issuer) if body.get("end_session_endpoint") else "",
            algorithms=frozenset(str(a) for a in algorithms) if isinstance(algorithms, list) else frozenset(["RS256"]),
        )


def _endpoint(body: Mapping[str, Any], name: str, issuer: str) -> str:
    url = body.get(name)
    scheme = urlsplit(url).scheme if isinstance(url, str) else ""
    # A realm behind TLS has no endpoint without.
    if scheme not in ("http", "https") or (issuer.startswith("https:") and scheme != "https"):
        raise Misconfigured(f"Keycloak's discovery gives no usable {name} ({shorten(url, 200)})")
    return str(url)
