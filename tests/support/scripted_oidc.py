"""An OpenID provider that says what a test tells it to, for what Keycloak never says. Runs in the test's loop."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

CLIENT, SECRET = "collegium", "client-secret-that-no-log-may-hold"
REALM = "/realms/lab"


class Key:
    """A signing key with an id."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public(self) -> dict[str, Any]:
        return {
            **json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key())),
            "kid": self.kid,
            "use": "sig",
        }

    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def person(name: str, *paths: str, **more: Any) -> dict[str, Any]:
    """A userinfo answer as our client's mappers make it."""
    found = {"sub": f"sub-{name}", "preferred_username": name, "collegium": "1", "realm_roles": ["user"], **more}
    return found | ({"groups": list(paths)} if paths else {})


@dataclass
class Script:
    """What it answers; every field may be changed at any time."""

    url: str = ""
    #: Seconds by which its clock is ahead of ours.
    clock: float = 0.0
    delay: float = 0.0
    down: bool = False
    keys: list[Key] = field(default_factory=lambda: [Key("first")])
    #: Laid over what it would say.
    discovery: dict[str, Any] = field(default_factory=dict)
    id_claims: dict[str, Any] = field(default_factory=dict)
    #: The token itself, instead of one of its own.
    id_token: str | None = None
    userinfo: Any = None
    statuses: dict[str, int] = field(default_factory=dict)
    rotate: bool = True
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: code → (nonce, person, PKCE challenge); each serves once.
    codes: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)
    refreshes: dict[str, str] = field(default_factory=dict)
    #: Names of what was asked, in order.
    asked: list[str] = field(default_factory=list)
    refused_grant: str = "Session not active"

    @property
    def issuer(self) -> str:
        return self.url + REALM

    @property
    def now(self) -> float:
        return time.time() + self.clock

    def sign(self, claims: dict[str, Any], key: Key | None = None, **header: Any) -> str:
        key = key or self.keys[-1]
        return jwt.encode(claims, key.private, "RS256", {"kid": key.kid, **header})

    def claims(self, name: str, **more: Any) -> dict[str, Any]:
        moment = int(self.now)
        return {"iss": self.issuer, "aud": CLIENT, "azp": CLIENT, "sub": f"sub-{name}", "sid": f"sid-{name}",
                "iat": moment, "exp": moment + 300, "jti": secrets.token_hex(8), **more}  # fmt: skip

    def logout_token(self, name: str, **more: Any) -> str:
        events = {"http://schemas.openid.net/event/backchannel-logout": {}}
        claims = self.claims(name, jti=secrets.token_hex(8), events=events)
        del claims["azp"]
        return self.sign({k: v for k, v in {**claims, **more}.items() if v is not None}, typ="logout+jwt")

    def grant(self, name: str, nonce: str = "") -> dict[str, Any]:
        """Tokens for somebody."""
        access, refresh = f"access-{secrets.token_hex(8)}", f"refresh-{secrets.token_hex(8)}"
        self.access[access] = self.refreshes[refresh] = name
        claims = {**self.claims(name, **({"nonce": nonce} if nonce else {})), **self.id_claims}
        id_token = self.sign({k: v for k, v in claims.items() if v is not None})
        return {"access_token": access, "refresh_token": refresh, "id_token": self.id_token or id_token,
                "token_type": "Bearer", "expires_in": 300}  # fmt: skip

    def end_session(self, name: str) -> None:
        self.access = {k: v for k, v in self.access.items() if v != name}
        self.refreshes = {k: v for k, v in self.refreshes.items() if v != name}

    def expire_access(self, name: str) -> None:
        self.access = {k: v for k, v in self.access.items() if v != name}

    def authorize(self, location: str, name: str) -> tuple[str, str]:
        """What the login form would do: code and state for the callback of a redirect."""
        query = {k: v[0] for k, v in parse_qs(urlsplit(location).query).items()}
        assert query["code_challenge_method"] == "S256"
        code = f"code-{secrets.token_hex(8)}"
        self.codes[code] = (query["nonce"], name, query["code_challenge"])
        return code, query["state"]

    def settings(self, folder: Path, **more: Any) -> dict[str, Any]:
        """COLLEGIUM_KEYCLOAK for this realm."""
        folder.mkdir(parents=True, exist_ok=True)
        secret = folder / "login-secret"
        secret.write_text(SECRET)
        return {"issuer": self.issuer, "login": {"client_id": CLIENT, "client_secret_file": str(secret)}, **more}


class _Handler(web.RequestHandler):
    def initialize(self, script: Script) -> None:
        self.script = script

    async def prepare(self) -> None:
        self.set_header("Date", formatdate(self.script.now, usegmt=True))
        name = self.request.path.rpartition("/")[2]
        self.script.asked.append(name)
        if self.script.delay:
            await asyncio.sleep(self.script.delay)
        if self.script.down:
            self.request.connection.stream.close()  # type: ignore[attr-defined]
            raise web.Finish
        if status := self.script.statuses.get(name):
            self.set_status(status)
            self.finish({"error": "server_error"})

    def say(self, status: int, body: Any) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(body if isinstance(body, str) else json.dumps(body))


class _Discovery(_Handler):
    def get(self) -> None:
        issuer = self.script.issuer
        base = f"{issuer}/protocol/openid-connect"
        found = {
            "issuer": issuer,
            "authorization_endpoint": f"{base}/auth",
            "token_endpoint": f"{base}/token",
            "userinfo_endpoint": f"{base}/userinfo",
            "jwks_uri": f"{base}/certs",
            "end_session_endpoint": f"{base}/logout",
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        }
        self.say(200, {**found, **self.script.discovery})


class _Certs(_Handler):
    def get(self) -> None:
        self.say(200, {"keys": [k.public() for k in self.script.keys]})


class _Token(_Handler):
    def post(self) -> None:
        script, form = self.script, {k: v[0].decode() for k, v in self.request.body_arguments.items()}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return self.say(401, {"error": "unauthorized_client", "error_description": "Invalid client credentials"})
        if form["grant_type"] == "refresh_token":
            name = script.refreshes.get(form["refresh_token"])
            if name is None:
                return self.say(400, {"error": "invalid_grant", "error_description": script.refused_grant})
            if script.rotate:
                del script.refreshes[form["refresh_token"]]
            return self.say(200, script.grant(name))
        found = script.codes.pop(form["code"], None)
        if found is None:
            return self.say(400, {"error": "invalid_grant", "error_description": "Code not valid"})
        challenge = jwt.utils.base64url_encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        if challenge.decode() != found[2]:
            return self.say(400, {"error": "invalid_grant", "error_description": "PKCE verification failed"})
        return self.say(200, script.grant(found[1], found[0]))


class _Userinfo(_Handler):
    def get(self) -> None:
        name = self.script.access.get(self.request.headers.get("Authorization", "").removeprefix("Bearer "))
        if name is None:
            return self.say(401, {"error": "invalid_token"})
        return self.say(200, self.script.userinfo or self.script.people[name])


@asynccontextmanager
async def scripted_provider() -> AsyncIterator[Script]:
    """Serve one on a port of its own."""
    script = Script()
    kwargs = {"script": script}
    app = web.Application(
        [
            (f"{REALM}/.well-known/openid-configuration", _Discovery, kwargs),
            (f"{REALM}/protocol/openid-connect/certs", _Certs, kwargs),
            (f"{REALM}/protocol/openid-connect/token", _Token, kwargs),
            (f"{REALM}/protocol/openid-connect/userinfo", _Userinfo, kwargs),
        ]
    )
    socket, port = bind_unused_port()
    server = HTTPServer(app)
    server.add_socket(socket)
    script.url = f"http://127.0.0.1:{port}"
    try:
        yield script
    finally:
        server.stop()
        await server.close_all_connections()
