"""Every route of the description × every kind of caller × every kind of group, against the policy table."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import httpx
import pytest
from tornado.web import RequestHandler

from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.domain.catalog import AccessMode, Dataset, SourceKind
from collegium.domain.datasets import DatasetVersion, VersionState
from collegium.domain.files import EntryKind, Root
from collegium.domain.groups import Group, ManagedBy, Role
from collegium.domain.invitations import Invitation, hash_token, new_token
from collegium.domain.names import new_id
from collegium.domain.notifications import Channel, ChannelKind
from collegium.domain.policy import POLICY, Operation
from collegium.domain.secrets import Secret
from collegium.domain.shares import Share
from collegium.domain.uploads import Upload
from collegium.services.app import ROUTES, Route, build_app, check_routes
from collegium.services.endpoint import Endpoint
from collegium.services.handlers import BaseHandler
from integration.services.fake_broker import FakeBroker
from integration.services.harness import BODY, MEMBERS, PREFIX, FakeHub, Service, running_service, scopes_of
from support.policy_table import OPERATIONS, Caller, is_public, verdict
from support.tus import CONTENT, VERSION

TOKEN = new_token()
SCHEDULE = {"name": "nightly", "recurrence": {"kind": "interval", "every": 86400}, "template": BODY, "overlap": "allow"}
SWEEP = {"name": "search", "job": {k: v for k, v in BODY.items() if k != "name"}, "array": 2}
#: What is asked with a body; a bad one would be refused before it shows who is let in.
BODIES: dict[Operation, object] = {
    Operation.JOB_SUBMIT: BODY,
    Operation.JOB_EDIT: {"notes": "seen"},
    Operation.JOB_BATCH: {"jobs": [{**BODY, "key": "a"}]},
    Operation.JOB_BULK: {"action": "cancel", "ids": ["job-x"], "dry_run": True},
    Operation.SWEEP_SUBMIT: SWEEP,
    Operation.SWEEP_PREVIEW: SWEEP,
    Operation.SWEEP_EDIT: {"notes": "seen"},
    Operation.QUEUE_CONTROL: {"mode": "open"},
    Operation.SECRET_PUT: {"value": "of nobody's concern"},
    Operation.SETTINGS_EDIT: {},
    Operation.CHANNEL_CREATE: {"name": "made", "kind": "webhook", "url": "https://1.1.1.1/hook"},
    Operation.CHANNEL_EDIT: {"events": []},
    Operation.NOTIFICATION_EDIT: {},
    Operation.JOB_PARAMETERS: {"source": "a = 1"},
    Operation.SCHEDULE_PREVIEW: {"recurrence": {"kind": "cron", "expression": "0 4 * * *"}},
    Operation.SCHEDULE_CREATE: SCHEDULE,
    Operation.SCHEDULE_UPDATE: {"max_failures": 3},
    Operation.SCHEDULE_RESUME: {},
    Operation.INVITATION_CREATE: {"role": "viewer"},
    Operation.INVITATION_LOOK: {"token": TOKEN},
    Operation.INVITATION_ACCEPT: {"token": TOKEN},
    Operation.INVITATION_REGISTER: {"token": TOKEN, "username": "nina", "email": "nina@example.org"},
    Operation.USER_CREATE: {"username": "new"},
    Operation.USER_UPDATE: {"enabled": True},
    Operation.USER_MAIL: {"actions": ["VERIFY_EMAIL"]},
    Operation.USER_GROUPS: {"groups": []},
    Operation.SHARE_CREATE: {"path": "there.txt"},
    Operation.DATASET_EDIT: {},
    Operation.DATASET_VERSION: {},
    Operation.DATASET_GRANT: {},
    Operation.DATASET_DEFINE: {},
    Operation.VOLUME_RESIZE: {"name": "nosuch", "size": "1Ti"},
    Operation.PLATFORM_SECRET_PUT: {"value": "of nobody's concern"},
    Operation.USER_IMPORT: {"csv": "username\nsue\n"},
}
#: The same of operations that stand for several requests, by the ends of their paths; content is no JSON.
FILE_BODIES: dict[str, object] = {
    "/files/folders": {"path": "folder"},
    "/files/move": {"source": "gone", "target": "moved"},
    "/files/copy": {"source": "gone", "target": "copied"},
    "/files/unpack": {"source": "gone.zip", "target": "unpacked"},
    "/files/delete": {"paths": ["gone"]},
    "/restore": {},
    "/files/uploads": {"path": "uploaded", "size": 1, "replace": True},
    "/parts": {"numbers": [1]},
    "/datasets": {"name": "made-data", "kind": "managed"},
    "/copy": {"paths": ["gone"]},
}
#: Queries of those that need one.
QUERIES = dict.fromkeys(
    ("/files/entry", "/files/content", "/files/preview", "/files/checksum", "/files/archive"), "?path=there.txt"
)
#: What can be done to the same object once only.
ONCE = {Operation.JOB_CANCEL, Operation.SCHEDULE_DELETE, Operation.CHANNEL_DELETE, Operation.SECRET_DELETE}
ONCE |= {Operation.DATASET_DELETE, Operation.FILE_UPLOAD}
#: Objects that are somebody's.
OWNED = ("{job}", "{schedule}", "{sweep}", "{dataset}", "{upload}", "{share}")
USERS = [*MEMBERS, "zoe", "root", "nobody"]
GROUPS = ["physics", "chemistry", "nosuch", "Not A Group!"]


def test_the_description_covers_the_policy_table() -> None:
    described = {operation for _, _, operation in OPERATIONS}
    assert described == set(Operation) - {Operation.SERVER_START, Operation.PAGE_READ, Operation.SHARE_OPEN}


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
async def service(seeded: Database, hub: FakeHub, broker: FakeBroker) -> AsyncIterator[Service]:
    """With everything that can be switched on."""
    with seeded.write() as uow:
        for name in ("physics", "chemistry"):
            uow.groups.put(replace(uow.groups.get(name) or Group(name, name), invitations=True))
            invitation = Invitation(f"inv-{name}", name, Role.VIEWER, name, "root", now(), now() + timedelta(hours=9))
            uow.invitations.insert(invitation)
        open_to_all = replace(invitation, id="inv-all", token_hash=hash_token(TOKEN), max_uses=100)
        uow.invitations.insert(open_to_all)
    async with running_service(seeded, hub, broker=broker) as service:
        yield service


@pytest.fixture
def tokens(hub: FakeHub) -> dict[str, str]:
    """Kinds of tokens of mia, and what each is worth, beside one full token per user."""
    hub.tokens["read-only"] = hub.user("mia", scopes_of("mia", "groups:read", "jobs:read"))
    hub.tokens["narrow"] = hub.user("mia", scopes_of("mia", "jobs:read"))
    hub.tokens["none"] = hub.user("mia", ["access:services!service=collegium"])
    hub.tokens["of-group"] = hub.user("mia", scopes_of("physics", filter="group"))
    hub.tokens["of-other-group"] = hub.user("mia", scopes_of("chemistry", filter="group"))
    hub.tokens["visitor"] = hub.user("mia", scopes_of("max"))
    hub.tokens["unfiltered"] = hub.user("mia", [s.partition("!user")[0] for s in scopes_of("mia")])
    return {k: k for k in hub.tokens}


def expected(operation: Operation, user: str, group: str | None, scopes: list[str], other: bool) -> set[int]:
    """What the table says, worked out a second time. Allowed is shown as 200."""
    role = MEMBERS.get(user) if group == "physics" else Role.ADMIN if (user, group) == ("zoe", "chemistry") else None
    caller = Caller(user, role, group in ("physics", "chemistry"), user == "root")
    return {verdict(operation, caller, group, scopes, other)}


async def status(client: httpx.AsyncClient, method: str, url: str, operation: Operation) -> int:
    found = [body for end, body in FILE_BODIES.items() if url.endswith(end)] + [BODIES.get(operation)]
    content = None if found[0] is None else json.dumps(found[0])
    headers = {"Content-Type": "application/json"} if content else {}
    if "/files/uploads" in url:
        # In the protocol's own words, where there are some.
        headers |= VERSION if method != "patch" else {**CONTENT, "Upload-Offset": "0"}
    request = client.build_request(method.upper(), url, content=content, headers=headers)
    answer = await client.send(request, stream=True)
    try:
        # The body of a stream that was let in has no end.
        if answer.status_code >= 400 and method != "head":
            body = json.loads(await answer.aread())
            assert set(body["error"]) == {"code", "message", "details", "request_id"}
            assert answer.headers["cache-control"] == "no-store"
        return answer.status_code
    finally:
        await answer.aclose()


def channel_in(uow: UnitOfWork, group: str) -> None:
    """There may have been one, and it was deleted."""
    if uow.channels.named(group, "hook") is None:
        made = Channel(new_id("chn"), group, "hook", ChannelKind.EMAIL, "ada", now(), now(), ("ada@example.org",))
        uow.channels.insert(made)


def upload_in(uow: UnitOfWork, owner: str) -> None:
    """One of physics; there may have been one, and it was given up."""
    if uow.uploads.get("physics", f"upl-{owner}") is None:
        about = ("physics", owner, "u.txt", Root("physics"), "u.txt", 1, now(), now() + timedelta(days=7))
        uow.uploads.insert(Upload(f"upl-{owner}", *about))


def share_in(uow: UnitOfWork, owner: str) -> None:
    """One of physics."""
    if uow.shares.get(f"shr-{owner}") is None:
        about = ("physics", "there.txt", EntryKind.FILE, "", owner, now(), now() + timedelta(days=7))
        uow.shares.insert(Share(f"shr-{owner}", *about))


def dataset_in(uow: UnitOfWork, owner: str) -> int:
    """One of physics with a version, made by ``owner``; it may have been deleted. Answers with the version's number."""
    name, of = f"data-{owner}", "physics"
    if uow.datasets.get(name) is None:
        uow.datasets.remove(name)
        made = Dataset(name, name, SourceKind.MANAGED, {}, managed_by=ManagedBy.API, owner=of, created_by=owner)
        uow.datasets.insert(made)
        uow.datasets.grant(of, name, AccessMode.READ_WRITE)
        number = uow.dataset_versions.next_number(name)
        uow.dataset_versions.insert(DatasetVersion(name, number, VersionState.FAILED, owner, now(), owner=of))
    uow.datasets.revoke("chemistry", name)
    return next(v.number for v in uow.dataset_versions.page(name, 1000) if v.created_by == owner)


def secret_of(group: str) -> Secret:
    return Secret(group, "token", "", "ada", now(), "ada", now())


def cases() -> Iterator[tuple[str, str, Operation, str | None, str]]:
    """Path, method, operation, group, whose job."""
    for path, method, operation in OPERATIONS:
        for group in GROUPS if "{group}" in path else [None]:
            owned = any(kind in path for kind in OWNED)
            for owner in ["mia", "max"] if owned and group == "physics" else ["mia"]:
                yield path, method, operation, group, owner


async def pieces() -> AsyncIterator[bytes]:
    yield b"some text"


async def test_matrix(service: Service, tokens: dict[str, str], broker: FakeBroker) -> None:
    jobs: dict[str, str] = {}
    schedules: dict[str, str] = {}
    sweeps: dict[str, str] = {}
    await service.round()  # so that health is well

    async def url_of(path: str, group: str | None, owner: str, operation: Operation) -> str:
        if operation is Operation.JOB_CANCEL or owner not in jobs:
            # A cancelled job cannot be cancelled again, so each try gets its own.
            jobs[owner] = await service.submit(owner)

        if operation is Operation.SCHEDULE_DELETE or owner not in schedules:
            name = f"{owner} {secrets.token_hex(8)}"
            made = await service.client(owner).post("/groups/physics/schedules", json={**SCHEDULE, "name": name})
            schedules[owner] = made.json()["id"]
        if owner not in sweeps:
            sweeps[owner] = (await service.client(owner).post("/groups/physics/sweeps", json=SWEEP)).json()["id"]
        broker.add("sue")  # who may have been deleted
        if "{channel}" in path and group in ("physics", "chemistry"):
            await service.database.writing(lambda uow: channel_in(uow, group))
        if "{upload}" in path:
            await service.database.writing(lambda uow: upload_in(uow, owner))
        if "{share}" in path:
            await service.database.writing(lambda uow: share_in(uow, owner))
        number = 0
        if "{dataset}" in path:
            number = await service.database.writing(lambda uow: dataset_in(uow, owner))
        if "{secret}" in path and group in ("physics", "chemistry"):
            await service.database.writing(lambda uow: uow.secrets.put(secret_of(group), "sealed"))
        filled = path.removeprefix("/api/v1") if path.startswith("/api/v1") else f"{service.url}{PREFIX}{path[1:]}"
        filled += "?job={job}" if path.endswith("{group}/metrics") else ""
        filled += next((query for end, query in QUERIES.items() if path.endswith(end)), "")
        if "/files/" in path and group in ("physics", "chemistry"):
            await service.context.store.write(Root(group), "there.txt", pieces(), replace=True)
        filled = filled.replace("{user}", "id-sue").replace("{invitation}", f"inv-{group}")
        return (
            filled.replace("{group}", group or "")
            .replace("{job}", jobs[owner])
            .replace("{path}", "a.txt")
            .replace("{channel}", "hook")
            .replace("{secret}", "token")
            .replace("{schedule}", schedules[owner])
            .replace("{sweep}", sweeps[owner])
            .replace("{dataset}", f"data-{owner}")
            .replace("{version}", str(number))
            .replace("{grantee}", "chemistry")
            .replace("{upload}", f"upl-{owner}")
            .replace("{share}", f"shr-{owner}")
            .replace("{task}", "tsk-none")
            .replace("{trash}", "trs-none")
        )

    seen = 0
    for path, method, operation, group, owner in cases():
        public = is_public(operation)
        url = await url_of(path, group, owner, operation)
        for token in (None, "expired"):
            got = await status(service.client(token), method, url, operation)
            assert got in ({200, 201} if public else {401}), (path, token, got)
        if public:
            continue
        others = [t for t in tokens if t not in USERS]
        # What is special about a token shows in the group where its user is somebody.
        for token in [*USERS, *others] if group in ("physics", None) else ["mia", "zoe", "root", "nobody"]:
            url = await url_of(path, group, owner, operation) if operation in ONCE else url
            user = service.hub.tokens[token]["name"]
            other = owner != user and any(kind in path for kind in OWNED)
            want = expected(operation, user, group, service.hub.tokens[token]["scopes"], other)
            if want == {200}:
                # Allowed: done, or refused for another reason than permission.
                own = any(kind in path for kind in OWNED) or path.endswith("{group}/metrics")
                want = {200, 201} if not own or group in ("physics", None) else {404}
                # Of a dataset what there is to be removed went before, or its version is being made.
                want |= {404, 409} if "{dataset}" in path or operation is Operation.DATASET_CREATE else set()
                want |= {404} if operation in (Operation.VOLUME_RESIZE, Operation.PLATFORM_SECRET_DELETE) else set()
                want |= {409} if path.endswith("v1/datasets") else set()
                want |= {404} if "{path}" in path else set()
                # What is moved is not there, nor is such a task.
                want |= {404} if "/files/" in path else set()
                # Its parts do not go straight to the store.
                want |= {204, 409} if "/files/uploads" in path else set()
                # They did not log in with an account of the provider.
                want |= {409} if operation is Operation.INVITATION_ACCEPT else set()
                # The job is not over, nor is the sweep.
                want |= {409} if operation in (Operation.JOB_DELETE, Operation.SWEEP_DELETE) else set()
                # The name is taken by the first who may.
                want |= {409} if operation in (Operation.SCHEDULE_CREATE, Operation.CHANNEL_CREATE) else set()
            got = await status(service.client(token), method, url, operation)
            assert got in want, (method, path, group, token, owner, got, want)
            seen += 1
    assert seen > 400


async def test_absent_and_foreign_groups_look_alike(service: Service) -> None:
    answers = []
    for group in ("chemistry", "nosuch"):
        answer = await service.client().get(f"/groups/{group}/usage", headers={"X-Request-ID": "the-same-id"})
        answers.append((answer.status_code, answer.text.replace(group, "*"), sorted(answer.headers)))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


async def test_services_and_tokens_without_access_are_refused(service: Service) -> None:
    hub = service.hub
    hub.tokens["service"] = {"kind": "service", "name": "robot", "scopes": scopes_of("robot")}
    hub.tokens["no-access"] = hub.user("mia", scopes_of("mia")[1:])
    hub.tokens["nameless"] = {"kind": "user", "scopes": scopes_of("mia")}
    for token in ("service", "no-access", "nameless"):
        assert (await service.client(token).get("/context")).status_code == 403


async def test_a_hub_that_does_not_answer_lets_nobody_in(service: Service) -> None:
    service.hub.down = True
    answer = await service.client().get("/context")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


async def test_roles_are_live(service: Service, seeded: object) -> None:
    client = service.client()
    assert (await client.get("/groups/physics/usage")).status_code == 200
    await service.database.writing(lambda uow: uow.memberships.delete("physics", "mia"))
    assert (await client.get("/groups/physics/usage")).status_code == 404


async def test_hub_admins_are_platform_admins(service: Service) -> None:
    service.hub.tokens["boss"] = service.hub.user("nobody", scopes_of("nobody"), admin=True)
    assert (await service.client("boss").get("/groups/chemistry")).status_code == 200


@pytest.mark.parametrize("header", ["", "token", "Basic bWlhOm1pYQ==", "token mia,token ada", "token a b"])
async def test_odd_authorization_headers(service: Service, header: str) -> None:
    answer = await service.client(None).get("/context", headers={"Authorization": header})
    assert answer.status_code == 401


async def test_a_cookie_never_stands_in_for_a_token(service: Service) -> None:
    # Signed by nobody, so it is no login; and beside a bad token not even a good one would count.
    answer = await service.client("expired").get("/context", headers={"Cookie": "service-collegium=x"})
    assert answer.status_code == 401
    answer = await service.client(None).post(
        "/groups/physics/jobs", json=BODY, headers={"Cookie": "service-collegium=x"}
    )
    assert answer.status_code == 401


class Bare(BaseHandler):
    async def get(self) -> None:
        """Has no row."""


class Wrong(BaseHandler):
    endpoints: ClassVar = {"GET": Endpoint(Operation.JOB_LIST, "about a group, without one in its path")}

    async def get(self) -> None:
        """Has a row that does not fit."""


class Idle(BaseHandler):
    endpoints: ClassVar = {"POST": Endpoint(Operation.INFO_READ, "declared, not written")}


@pytest.mark.parametrize("handler", [Bare, Wrong, Idle])
def test_a_route_without_a_fitting_row_does_not_start(handler: type[BaseHandler]) -> None:
    with pytest.raises(RuntimeError):
        check_routes([Route("x", handler)])


async def test_build_app_checks(service: Service) -> None:
    with pytest.raises(RuntimeError):
        build_app(service.context, routes=[*ROUTES, Route("x", Bare)])


def test_an_operation_without_a_row_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(POLICY, Operation.CONTEXT_READ)
    with pytest.raises(RuntimeError):
        check_routes(ROUTES)


async def test_wrong_methods(service: Service) -> None:
    for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        assert (await service.client(None).request(method, "/context")).status_code == 401, method
        answer = await service.client().request(method, "/context")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET"), method
    assert (await service.client().request("PURGE", "/context")).status_code == 405
    assert (await service.client(None).request("POST", "/info")).status_code == 405
    assert (await service.client(None).get("/nothing")).status_code == 401
    assert (await service.client().get("/nothing")).status_code == 404


def test_the_matrix_would_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second reading of the table is not the first one in disguise."""
    before = expected(Operation.JOB_SUBMIT, "vic", "physics", scopes_of("vic"), False)
    monkeypatch.setitem(POLICY, Operation.JOB_SUBMIT, replace(POLICY[Operation.JOB_SUBMIT], role=Role.VIEWER))
    assert (before, expected(Operation.JOB_SUBMIT, "vic", "physics", scopes_of("vic"), False)) == ({403}, {200})


def test_all_handlers_are_ours() -> None:
    assert all(issubclass(r.handler, BaseHandler) and issubclass(r.handler, RequestHandler) for r in ROUTES)
