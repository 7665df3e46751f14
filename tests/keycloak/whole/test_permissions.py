"""The permission matrix with people of Keycloak: every operation × role × group, with token and with cookie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from collegium.domain.groups import Role
from collegium.domain.policy import POLICY, Operation
from support.installation import until
from support.keycloak_site import SERVICE, KeycloakSite, Person
from support.policy_table import OPERATIONS, Caller, is_public, verdict

GROUPS = ("physics", "chemistry", "nosuch", "Not A Group!")
#: Who is what, where; the demo's people and a maintainer.
ROLES: dict[str, dict[str, Role]] = {
    "vic": {"physics": Role.VIEWER},
    "bob": {"physics": Role.MEMBER},
    "mat": {"physics": Role.MAINTAINER},
    "ann": {"physics": Role.ADMIN, "chemistry": Role.MEMBER},
    "cem": {"chemistry": Role.MEMBER},
    "zoe": {},
    "admin": {},
}
#: A body where one without would be refused before it shows who is let in. What changes people is bad on purpose.
BODIES: dict[Operation, Any] = {
    Operation.JOB_SUBMIT: {"name": "x", "image": "scientific-python", "instance_type": "nosuch", "command": "true"},
    Operation.JOB_EDIT: {"notes": "seen"},
    Operation.SWEEP_EDIT: {"notes": "seen"},
    Operation.INVITATION_CREATE: {"role": "nosuch"},
    Operation.INVITATION_LOOK: {"token": "cinv_nobody"},
    Operation.INVITATION_ACCEPT: {"token": "cinv_nobody"},
    Operation.INVITATION_REGISTER: {"token": "cinv_nobody", "username": "x", "email": "x@example.test"},
    Operation.USER_CREATE: {"username": ""},
    Operation.USER_UPDATE: {"enabled": "perhaps"},
    Operation.USER_MAIL: {"actions": []},
    Operation.USER_GROUPS: {"groups": "all"},
    Operation.USER_IMPORT: {"csv": 1},
}


@dataclass
class Asked:
    """An answer: what became of the question of permission, and what was really answered."""

    status: int
    error: dict[str, Any]

    @property
    def verdict(self) -> int:
        """Refusals of another kind than permission say that one was let in; a failure says nothing."""
        if self.status in (401, 403) or self.status >= 500:
            return self.status
        strange = self.status == 404 and self.error.get("details", {}).get("field") == "group"
        return 404 if strange else 200


def ask(client: httpx.Client, method: str, url: str, operation: Operation, token: str | None) -> Asked:
    headers = {"Authorization": f"token {token}"} if token else {}
    body = BODIES.get(operation)
    request = client.build_request(method.upper(), url, json=body, headers=headers)
    answer = client.send(request, stream=True, follow_redirects=False)
    try:
        if answer.status_code < 400:
            # The body of a stream that was let in has no end.
            return Asked(answer.status_code, {})
        return Asked(answer.status_code, json.loads(answer.read())["error"])
    finally:
        answer.close()


@pytest.fixture(scope="module")
def people(site: KeycloakSite) -> dict[str, Person]:
    """Everybody, logged in through Keycloak."""
    site.realm.create_user("mat", "/physics/maintainers")
    found = {name: site.login(name) for name in ROLES}
    for name, roles in ROLES.items():
        mine = {group: role for group, role in found[name].roles.items() if role}
        assert mine == {group: role.value for group, role in roles.items()}
    return found


@dataclass
class Work:
    """A job and a sweep of bob's in physics that are over; a deletion finds new ones each time."""

    bob: Person
    job: str = ""
    sweep: str = ""

    def place(self, url: str, operation: Operation) -> str:
        """The address with their ids."""
        if "{job}" in url and (not self.job or operation is Operation.JOB_DELETE):
            self.job = self.bob.submit("physics", "true")
            until("the job is over", lambda: self.bob.job_state("physics", self.job) == "Succeeded")
        if "{sweep}" in url and (not self.sweep or operation is Operation.SWEEP_DELETE):
            job = {"image": "scientific-python", "instance_type": "small", "command": "true"}
            made = self.bob.ask("POST", "/groups/physics/sweeps", {"name": "two", "job": job, "array": 2})
            assert made.status == 201, made
            self.sweep = str(made.json["id"])
            path = f"/groups/physics/sweeps/{self.sweep}"
            until("the sweep is over", lambda: self.bob.ask("GET", path).json["state"] == "Succeeded")
        return url.replace("{job}", self.job).replace("{sweep}", self.sweep)


@pytest.fixture(scope="module")
def work(people: dict[str, Person]) -> Work:
    return Work(people["bob"])


def urls(site: KeycloakSite) -> Iterator[tuple[str, str, Operation, str | None]]:
    for path, method, operation in OPERATIONS:
        # Asked like GET, and answered without a body that would say why.
        if method == "head":
            continue
        for group in GROUPS if "{group}" in path else (None,):
            filled = path if path.startswith("/api/") else f"/{path.lstrip('/')}"
            filled = filled.replace("{group}", group or "").replace("{path}", "a.txt")
            filled = filled.replace("{dataset}", "no").replace("{version}", "1").replace("{grantee}", "chemistry")
            filled = filled.replace("{task}", "tsk-no").replace("{trash}", "trs-no")
            filled = filled.replace("{user}", "00000000-0000-0000-0000-000000000000").replace("{invitation}", "inv-no")
            yield f"{site.hub.url}{SERVICE}{filled}", method, operation, group


def test_matrix(site: KeycloakSite, people: dict[str, Person], work: Work) -> None:
    """Each must be answered as the table says, whichever way they came."""
    scopes = ["custom:collegium:" + rule.scope for rule in POLICY.values() if rule.scope]
    wrong, seen = [], 0
    with httpx.Client(timeout=60) as plain:
        for pattern, method, operation, group in urls(site):
            url = work.place(pattern, operation)
            if is_public(operation):
                assert ask(plain, method, url, operation, None).verdict == 200, url
                continue
            for token in (None, "not-a-token"):
                assert ask(plain, method, url, operation, token).status == 401, (method, url, token)
            for name, person in people.items():
                role = ROLES[name].get(group or "")
                if group == "physics" and operation in (Operation.JOB_DELETE, Operation.SWEEP_DELETE):
                    url = work.place(pattern, operation)
                caller = Caller(name, role, group in ("physics", "chemistry"), name == "admin")
                # Bob's work is in physics; elsewhere nobody finds it, and it is nobody's.
                other = name != "bob" and group == "physics" and ("{job}" in pattern or "{sweep}" in pattern)
                want = verdict(operation, caller, group, scopes, other)
                answers = {"token": ask(plain, method, url, operation, person.token)}
                if method == "get" and operation is not Operation.METRICS_READ:
                    answers["cookie"] = ask(person.client, method, url, operation, None)
                else:
                    assert ask(person.client, method, url, operation, None).status == 401, (method, url)
                for way, got in answers.items():
                    seen += 1
                    if got.verdict != want:
                        wrong.append((method, url.removeprefix(site.hub.url), name, way, got, want))
    assert not wrong, "\n".join(map(str, wrong))
    assert seen > 700


def test_servers(site: KeycloakSite, people: dict[str, Person]) -> None:
    """The one operation that is the hub's: who may start a server where. Asked for a size that there is not."""
    for name, person in people.items():
        for group in ("physics", "chemistry", "nosuch"):
            role = ROLES[name].get(group)
            body = {"group": group, "instance_type": "nosuch", "image": "scientific-python"}
            answer = site.ask_hub("POST", f"/users/{name}/servers/{group}", person.token, body)
            may = role is not None and role.rank >= Role.MEMBER.rank
            assert answer.status == (403 if role is not None else 404), (name, group, answer)
            # Whoever may is told that there is no such size.
            assert ("no instance type nosuch" in answer.json["message"]) == may, (name, group, answer)
    # Nobody starts anything as somebody else.
    body = {"group": "physics", "instance_type": "small", "image": "scientific-python"}
    answer = site.ask_hub("POST", "/users/bob/servers/physics", people["ann"].token, body)
    assert answer.status in (403, 404)
