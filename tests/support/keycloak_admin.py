"""What an administrator does to a realm, by Keycloak's admin API."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx


class MasterAuth(httpx.Auth):
    """Tokens of the server's first administrator. They last a minute, so one that is refused is replaced."""

    requires_response_body = True

    def __init__(self, url: str, password: str) -> None:
        self._url = f"{url}/realms/master/protocol/openid-connect/token"
        self._form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": password}
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
            answer = yield request
            if answer.status_code != 401:
                return
        granted = yield httpx.Request("POST", self._url, data=self._form)
        self._token = granted.json()["access_token"]
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class RealmAdmin:
    """People and groups by name and path; every call that Keycloak refuses is an AssertionError with its answer."""

    def __init__(self, url: str, realm: str, auth: httpx.Auth) -> None:
        self.realm = realm
        self.admin = httpx.Client(base_url=f"{url}/admin/realms/{quote(realm)}", auth=auth, timeout=60)

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """One request; ``path`` begins after the realm."""
        answer = self.admin.request(method, path, json=body, params=query)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def _create(self, path: str, body: Any) -> str:
        return self.call("POST", path, body).headers["location"].rsplit("/", 1)[1]

    # The realm

    def set_realm(self, **fields: Any) -> None:
        """Change settings of the realm, such as ``accessTokenLifespan``."""
        self.call("PUT", "", fields)

    def delete_realm(self) -> None:
        """Everything in it goes too."""
        self.call("DELETE", "")

    def set_smtp(self, port: int, host: str = "127.0.0.1") -> None:
        """Where the realm's mail goes."""
        server = self.call("GET", "").json()["smtpServer"]
        self.set_realm(smtpServer={**server, "host": host, "port": str(port)})

    def rotate_keys(self) -> None:
        """New keys sign from now on, and what the old ones have signed is worth nothing."""
        realm = self.call("GET", "").json()["id"]
        provider = "org.keycloak.keys.KeyProvider"
        old = self.call("GET", "/components", parent=realm, type=provider).json()
        for key in old:
            kind = {"parentId": realm, "providerType": provider, "providerId": key["providerId"]}
            self.call("POST", "/components", {**kind, "name": f"{key['name']}'", "config": {"priority": ["200"]}})
        for key in old:
            self.call("DELETE", f"/components/{key['id']}")

    # People

    def user(self, name: str) -> str:
        """Somebody's id, which is the ``sub`` of their tokens."""
        return str(self.user_model(name)["id"])

    def user_model(self, name: str) -> dict[str, Any]:
        """What Keycloak knows of somebody."""
        found = self.call("GET", "/users", username=name, exact="true").json()
        assert found, f"{self.realm} has no user {name}"
        return dict(found[0])

    def add_user(self, name: str, password: str, groups: Sequence[str], fields: dict[str, Any]) -> str:
        """Somebody new; returns the id."""
        credential = {"type": "password", "value": password, "temporary": False}
        profile = {"firstName": name.capitalize(), "lastName": "Test", "email": f"{name}@example.test"}
        made = {"username": name, "enabled": True, "emailVerified": True, **profile, **fields}
        return self._create("/users", {**made, "credentials": [credential], "groups": list(groups)})

    def delete_user(self, name: str) -> None:
        """Gone; somebody of the same name later is somebody else."""
        self.call("DELETE", f"/users/{self.user(name)}")

    def change_user(self, name: str, **fields: Any) -> None:
        """Change fields of somebody's account."""
        model = self.user_model(name)
        self.call("PUT", f"/users/{model['id']}", {**model, **fields})

    def set_enabled(self, name: str, enabled: bool) -> None:
        """A disabled account cannot log in, and its tokens are refused."""
        self.change_user(name, enabled=enabled)

    def rename(self, name: str, new: str) -> None:
        """Another user name for the same account."""
        self.set_realm(editUsernameAllowed=True)
        try:
            self.change_user(name, username=new)
        finally:
            self.set_realm(editUsernameAllowed=False)

    def logout_user(self, name: str) -> None:
        """End all their sessions."""
        self.call("POST", f"/users/{self.user(name)}/logout")

    def sessions(self, name: str) -> list[dict[str, Any]]:
        """Their sessions at Keycloak."""
        return list(self.call("GET", f"/users/{self.user(name)}/sessions").json())

    def end_session(self, session: str) -> None:
        """End one of them."""
        self.call("DELETE", f"/sessions/{session}")

    # Groups, by path

    def group(self, path: str) -> str:
        """A group's id."""
        return str(self.call("GET", f"/group-by-path/{quote(path.strip('/'))}").json()["id"])

    def create_group(self, path: str, **attributes: list[str]) -> str:
        """Create a group and those above it that are missing; returns its id."""
        parent, _, name = path.strip("/").rpartition("/")
        body = {"name": name, "attributes": attributes}
        if not parent:
            return self._create("/groups", body)
        found = self.admin.get(f"/group-by-path/{quote(parent)}")
        above = found.json()["id"] if found.is_success else self.create_group(parent)
        return str(self.call("POST", f"/groups/{above}/children", body).json()["id"])

    def delete_group(self, path: str) -> None:
        """Gone with what is below; one of the same path later is another group."""
        self.call("DELETE", f"/groups/{self.group(path)}")

    def rename_group(self, path: str, name: str) -> None:
        """Another last name for the same group."""
        model = self.call("GET", f"/groups/{self.group(path)}").json()
        self.call("PUT", f"/groups/{model['id']}", {**model, "name": name})

    def set_group_attributes(self, path: str, **attributes: list[str]) -> None:
        """Replace a group's attributes."""
        model = self.call("GET", f"/groups/{self.group(path)}").json()
        self.call("PUT", f"/groups/{model['id']}", {**model, "attributes": attributes})

    def add_to_group(self, name: str, path: str) -> None:
        """Make somebody a member."""
        self.call("PUT", f"/users/{self.user(name)}/groups/{self.group(path)}")

    def remove_from_group(self, name: str, path: str) -> None:
        """End a membership."""
        self.call("DELETE", f"/users/{self.user(name)}/groups/{self.group(path)}")

    def groups_of(self, name: str) -> list[str]:
        """The paths of the groups that somebody is in, sorted."""
        return sorted(g["path"] for g in self.call("GET", f"/users/{self.user(name)}/groups").json())

    # Roles

    def give_realm_role(self, name: str, role: str) -> None:
        """Give somebody a role of the realm."""
        self.call("POST", f"/users/{self.user(name)}/role-mappings/realm", [self._realm_role(role)])

    def take_realm_role(self, name: str, role: str) -> None:
        """Take it away."""
        self.call("DELETE", f"/users/{self.user(name)}/role-mappings/realm", [self._realm_role(role)])

    def _realm_role(self, role: str) -> dict[str, Any]:
        return dict(self.call("GET", f"/roles/{quote(role)}").json())

    def client_role(self, role: str, client: str = "collegium") -> dict[str, Any]:
        """A client's role, which is made if it is not there."""
        path = f"/clients/{self.client(client)['id']}/roles"
        found = self.admin.get(f"{path}/{quote(role)}")
        if found.status_code == 404:
            self.call("POST", path, {"name": role})
            found = self.call("GET", f"{path}/{quote(role)}")
        return dict(found.json())

    def give_client_role(self, name: str, role: str, client: str = "collegium") -> None:
        """Give somebody a role of a client."""
        where = f"/users/{self.user(name)}/role-mappings/clients/{self.client(client)['id']}"
        self.call("POST", where, [self.client_role(role, client)])

    def take_client_role(self, name: str, role: str, client: str = "collegium") -> None:
        """Take it away."""
        where = f"/users/{self.user(name)}/role-mappings/clients/{self.client(client)['id']}"
        self.call("DELETE", where, [self.client_role(role, client)])

    # Clients

    def client(self, client: str = "collegium") -> dict[str, Any]:
        """A client of the realm."""
        (found,) = self.call("GET", "/clients", clientId=client).json()
        return dict(found)

    def use_hub(self, url: str) -> None:
        """Let the hub at this URL log in, hear of ended sessions, and be returned to; the last one counts."""
        self.hub_url = url.rstrip("/")
        model = self.client()
        attributes = {
            "post.logout.redirect.uris": f"{self.hub_url}/hub/*",
            "backchannel.logout.url": f"{self.hub_url}/hub/backchannel_logout",
        }
        changed = {"rootUrl": self.hub_url, "redirectUris": [f"{self.hub_url}/hub/oauth_callback"]}
        self.call("PUT", f"/clients/{model['id']}", model | changed | {"attributes": model["attributes"] | attributes})

    @contextmanager
    def without_mapper(self, name: str) -> Iterator[None]:
        """Leave out one of the login client's mappers (``groups``, ``marker`` …) for the time of the block."""
        model = self.client()
        where = f"/clients/{model['id']}/protocol-mappers/models"
        (mapper,) = (m for m in model["protocolMappers"] if m["name"] == name)
        self.call("DELETE", f"{where}/{mapper.pop('id')}")
        try:
            yield
        finally:
            self.call("POST", where, mapper)

    def permit_membership(self, *paths: str) -> None:
        """Let ``collegium-accounts`` put people into these groups too: an operator does so for each new group."""
        where = f"/clients/{self.client('admin-permissions')['id']}/authz/resource-server/permission/scope"
        name = "collegium-accounts: membership"
        (found,) = (p for p in self.call("GET", where, name=name).json() if p["name"] == name)
        one = f"{where}/{found['id']}"
        groups = {r["name"] for r in self.call("GET", f"{one}/resources").json()}
        groups |= {self.group(path) for path in paths}
        policies = [p["id"] for p in self.call("GET", f"{one}/associatedPolicies").json()]
        scopes = [s["name"] for s in self.call("GET", f"{one}/scopes").json()]
        changed = {"resourceType": "Groups", "resources": sorted(groups), "policies": policies, "scopes": scopes}
        self.call("PUT", one, {**found, **changed})
