"""A real Keycloak for tests: the server of ``scripts/keycloak``, with the demo's realm in it, and handles on both.

A realm of its own for a test that changes much takes some seconds (``Keycloak.another_realm``); a server takes twenty.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx

from support.keycloak_admin import MasterAuth, RealmAdmin
from support.keycloak_pages import browser, fill_login_form, login_form

__all__ = ["Keycloak", "browser", "login_form", "running_keycloak"]

_SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
HUB_URL = "http://127.0.0.1:8000"


def _scripts() -> tuple[Any, Any]:
    sys.path.insert(0, str(_SCRIPTS))
    try:
        import _keycloak
        import _realm
    finally:
        sys.path.remove(str(_SCRIPTS))
    return _keycloak, _realm


class Keycloak(RealmAdmin):
    """One realm, the server that it is in, and the passwords of its people. ``admin`` is all-powerful."""

    def __init__(self, instance: Any, realm: str = "collegium", hub_url: str = HUB_URL) -> None:
        self.instance = instance
        self.hub_url = hub_url
        self._realm = _scripts()[1].Realm(instance, realm)
        self.passwords: dict[str, str] = self._realm.create(hub_url)
        super().__init__(self.url, realm, MasterAuth(self.url, instance.admin_password))

    @property
    def url(self) -> str:
        """The server, without a realm."""
        return str(self.instance.url)

    @property
    def issuer(self) -> str:
        """The realm's URL."""
        return str(self._realm.issuer)

    def settings(self) -> dict[str, Any]:
        """The value of ``COLLEGIUM_KEYCLOAK`` for this realm, with all three clients."""
        found: dict[str, Any] = self._realm.settings()
        return found

    def secret_file(self, client: str) -> Path:
        """The file with a client's secret."""
        return Path(self._realm.secret_file(client))

    def secret(self, client: str = "collegium") -> str:
        """A client's secret."""
        return self.secret_file(client).read_text()

    def password(self, user: str) -> str:
        """What somebody logs in with."""
        return self.passwords[user]

    def create_user(self, name: str, *groups: str, password: str | None = None, **fields: Any) -> str:
        """Somebody new who can log in; returns the id."""
        self.passwords[name] = password or secrets.token_urlsafe(12)
        return self.add_user(name, self.passwords[name], groups, fields)

    # The server's life

    def start(self) -> None:
        """Start it again, with the data that it had, and wait until it is ready."""
        self.instance.start()

    def stop(self) -> None:
        """End it in good order; connections to it are refused then."""
        self.instance.stop()

    def restart(self) -> None:
        """Both; sessions of people survive it."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.instance.kill()

    def pause(self) -> None:
        """Make it hang: connections are taken, and nothing is ever said."""
        self.instance.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.instance.signal(signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hang for the time of the block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    @contextmanager
    def another_realm(self) -> Iterator[Keycloak]:
        """A fresh copy of the demo's realm on the same server, for the time of the block."""
        other = Keycloak(self.instance, f"test-{secrets.token_hex(4)}", self.hub_url)
        try:
            yield other
        finally:
            other.delete_realm()

    # What a client of the realm sees

    def discovery(self) -> dict[str, Any]:
        """The realm's description of itself."""
        found: dict[str, Any] = httpx.get(f"{self.issuer}/.well-known/openid-configuration", timeout=60).json()
        return found

    def tokens(self, user: str) -> dict[str, Any]:
        """Log in as the hub does, with a code and PKCE, and return Keycloak's answer with the tokens."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        callback = f"{self.hub_url}/hub/oauth_callback"
        asked = {
            "client_id": "collegium",
            "redirect_uri": callback,
            "response_type": "code",
            "scope": "openid profile email",
            "state": "of-no-use-here",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        with browser() as client:
            page = client.get(f"{self.issuer}/protocol/openid-connect/auth?{urlencode(asked)}")
            landed = fill_login_form(client, page, user, self.password(user), follow=False)
        target = urlsplit(landed.headers.get("location", ""))
        assert landed.status_code == 302 and f"{target.scheme}://{target.netloc}{target.path}" == callback, landed.text
        code = parse_qs(target.query)["code"][0]
        return self.token_request(
            "collegium", grant_type="authorization_code", code=code, redirect_uri=callback, code_verifier=verifier
        )

    def token_request(self, client: str, **form: str) -> dict[str, Any]:
        """Ask for tokens with a client's secret; AssertionError with what Keycloak said against it."""
        url = f"{self.issuer}/protocol/openid-connect/token"
        given = {**form, "client_id": client, "client_secret": self.secret(client)}
        answer = httpx.post(url, data=given, timeout=60)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def userinfo(self, user: str) -> dict[str, Any]:
        """The claims that the hub gets to see of somebody who logs in."""
        bearer = {"Authorization": f"Bearer {self.tokens(user)['access_token']}"}
        answer = httpx.get(f"{self.issuer}/protocol/openid-connect/userinfo", headers=bearer, timeout=60)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def service_account(self, client: str) -> httpx.Client:
        """The admin API of the realm with the power of ``collegium-sync`` or ``collegium-accounts``."""
        token = self.token_request(client, grant_type="client_credentials")["access_token"]
        base = f"{self.url}/admin/realms/{quote(self.realm)}"
        return httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=60)


@contextmanager
def running_keycloak(folder: Path) -> Iterator[Keycloak]:
    """A server with the realm, in a folder of its own; it ends with the block. Sets up what this machine lacks."""
    scripts, _ = _scripts()
    instance = scripts.Instance(folder)
    try:
        instance.start()
        yield Keycloak(instance)
    finally:
        instance.stop()
