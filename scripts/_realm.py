"""The demo's realm in a Keycloak of ours: filled in with secrets of its own, imported once, described for the hub.

Standard library only.
"""

from __future__ import annotations

import json
import secrets
import string
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import _setup
from _keycloak import ADMIN, Instance, KeycloakError, write_secret

DEMO = _setup.ROOT / "hub_ext/collegium/hub/demo/keycloak"
TEMPLATE = DEMO / "realm.json"
CATALOG = DEMO / "catalog.yaml"
#: Who is in the realm, and as what.
PEOPLE = {
    "admin": "platform admin",
    "ann": "group admin of physics, member of chemistry",
    "bob": "member of physics",
    "cem": "member of chemistry",
    "mia": "maintainer of biology",
    "vic": "viewer of physics",
    "zoe": "in no group yet",
}
#: The realm's clients, and what the template calls their secrets.
CLIENTS = {
    "collegium": "COLLEGIUM_CLIENT_SECRET",
    "collegium-sync": "COLLEGIUM_SYNC_SECRET",
    "collegium-accounts": "COLLEGIUM_ACCOUNTS_SECRET",
}
#: No 0/O, 1/l/i: these are read from a terminal and typed.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Realm:
    """The realm ``collegium`` of an instance, and the files with its clients' secrets."""

    def __init__(self, keycloak: Instance, name: str = "collegium") -> None:
        self.keycloak = keycloak
        self.name = name

    @property
    def issuer(self) -> str:
        """The URL that names the realm in tokens, and where discovery begins."""
        return f"{self.keycloak.url}/realms/{self.name}"

    def secret_file(self, client: str) -> Path:
        """Where a client's secret is."""
        return self.keycloak.state / "secrets" / self.name / client

    def create(self, hub_url: str, smtp: tuple[str, int] = ("127.0.0.1", 1025)) -> dict[str, str]:
        """Import the realm if it is not there; returns the passwords then made, which are kept nowhere else.

        One that is there is only told where the hub is now.
        """
        token = self.admin_token()
        if self._exists(token):
            self._move_hub(hub_url, token)
            return {}
        passwords = {name: generate_password() for name in PEOPLE}
        values = {
            "COLLEGIUM_REALM": self.name,
            # Permissions name groups by their ids, so these must be known before the groups are.
            "COLLEGIUM_IDS": str(uuid.uuid4())[:-2],
            "COLLEGIUM_HUB_URL": hub_url.rstrip("/"),
            "COLLEGIUM_SMTP_HOST": smtp[0],
            "COLLEGIUM_SMTP_PORT": str(smtp[1]),
            **{f"COLLEGIUM_PASSWORD_{name.upper()}": password for name, password in passwords.items()},
        }
        for client, variable in CLIENTS.items():
            values[variable] = secrets.token_urlsafe(32)
            # Written before Keycloak learns them: a realm whose secrets nobody knows could only be thrown away.
            write_secret(self.secret_file(client), values[variable])
        self._call("POST", "/admin/realms", token, filled(values))
        return passwords

    def settings(self) -> dict[str, Any]:
        """What ``COLLEGIUM_KEYCLOAK`` tells hub and service; the secrets stay in their files."""
        login, sync, accounts = (
            {"client_id": client, "client_secret_file": str(self.secret_file(client))} for client in CLIENTS
        )
        return {"issuer": self.issuer, "login": login, "sync": sync, "accounts": accounts}

    def admin_token(self) -> str:
        """A token of the server's first administrator; good for a minute."""
        form = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN}
        data = urllib.parse.urlencode({**form, "password": self.keycloak.admin_password}).encode()
        url = f"{self.keycloak.url}/realms/master/protocol/openid-connect/token"
        with urllib.request.urlopen(url, data, timeout=60) as answer:
            return str(json.load(answer)["access_token"])

    def _exists(self, token: str) -> bool:
        try:
            self._call("GET", f"/admin/realms/{self.name}", token)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise
        return True

    def _move_hub(self, hub_url: str, token: str) -> None:
        clients = f"/admin/realms/{self.name}/clients"
        (client,) = self._call("GET", f"{clients}?clientId=collegium", token)
        values = dict.fromkeys(placeholders(), "") | {"COLLEGIUM_HUB_URL": hub_url.rstrip("/")}
        (shipped,) = (c for c in filled(values)["clients"] if c["clientId"] == "collegium")
        changed = {**client, **{field: shipped[field] for field in ("rootUrl", "redirectUris")}}
        changed["attributes"] = {**client["attributes"], **shipped["attributes"]}
        self._call("PUT", f"{clients}/{client['id']}", token, changed)

    def _call(self, method: str, path: str, token: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.keycloak.url + path, data, method=method)
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                said = answer.read()
                return json.loads(said) if said else None
        except urllib.error.HTTPError as error:
            if body is None:
                raise
            # Keycloak says which field it does not like, and never the value of a secret.
            complaint = error.read().decode(errors="replace")[:500]
            raise KeycloakError(f"Keycloak refused the realm ({error.code}): {complaint}") from None


def placeholders() -> list[str]:
    """The names of the template's placeholders."""
    return string.Template(TEMPLATE.read_text()).get_identifiers()


def filled(values: dict[str, str]) -> dict[str, Any]:
    """The realm with its placeholders filled in; one without a value is a KeyError."""
    quoted = {name: json.dumps(value)[1:-1] for name, value in values.items()}
    realm: dict[str, Any] = json.loads(string.Template(TEMPLATE.read_text()).substitute(quoted))
    return realm


def table(made: dict[str, str], hub_url: str) -> str:
    """A box of plain ASCII with one line per person, and where to log in."""
    rows = [f"{name:<6} {made[name]}   {PEOPLE[name]}" for name in PEOPLE if name in made]
    head = ["Passwords of the demo's people in Keycloak, shown this once.", f"Log in at {hub_url}", ""]
    inner = max(len(line) for line in (*head, *rows))
    rule = "+" + "-" * (inner + 4) + "+"
    return "\n".join(["", rule, *(f"|  {line:<{inner}}  |" for line in (*head, *rows)), rule, ""])


def generate_password() -> str:
    """Such as ``kd7wm-4hq2x-zp9rt``, 74 bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(3))
