"""What the gate makes of an account's standing and of a silent identity provider; and streams that end in time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from collegium.db import Database, UnitOfWork
from collegium.domain.identity import ProviderState, Standing, UserIdentity
from collegium.domain.policy import POLICY, Operation, Rule
from collegium.services import sse
from collegium.services.controller.options import ControlOptions
from collegium.services.groups import handlers as groups
from collegium.services.system import InfoHandler
from integration.services.harness import BODY, Clock, FakeHub, Service, running_service
from integration.services.test_sync import settings_of

ISSUER = "https://login.example.org/realms/lab"
JOBS = "/groups/physics/jobs"


def account(uow: UnitOfWork, name: str = "mia", standing: Standing = Standing.ACTIVE) -> None:
    uow.identities.put(UserIdentity(name, ISSUER, f"id-{name}", standing=standing))


def provider(service: Service, clock: Clock, state: ProviderState, message: str = "") -> None:
    with service.database.write() as uow:
        uow.providers.begin(ISSUER, clock())
        uow.providers.say(ISSUER, state, message, clock())


@pytest.fixture(autouse=True)
def people(seeded: Database) -> None:
    with seeded.write() as uow:
        for name in ("mia", "ada", "root"):
            account(uow, name)


async def code(service: Service, method: str, path: str, token: str = "mia", **more: Any) -> tuple[int, str]:
    answer = await service.client(token).request(method, path, **more)
    return answer.status_code, answer.json().get("error", {}).get("code", "")


@pytest.mark.parametrize("standing", [Standing.DISABLED, Standing.DELETED])
async def test_an_account_that_is_not_let_in(service: Service, standing: Standing) -> None:
    assert (await code(service, "GET", "/context"))[0] == 200
    with service.database.write() as uow:
        account(uow, standing=standing)
    answer = await service.client().get("/context")
    assert answer.status_code == 403
    assert standing.value in answer.json()["error"]["message"]
    assert await code(service, "POST", JOBS, json=BODY) == (403, "forbidden")
    # Others, and those whom the catalog knows, are let in.
    assert (await code(service, "GET", "/context", "ada"))[0] == 200
    assert (await code(service, "GET", "/context", "max"))[0] == 200


@pytest.mark.parametrize("state", [ProviderState.UNAVAILABLE, ProviderState.MISCONFIGURED])
async def test_nothing_new_on_old_knowledge(service: Service, clock: Clock, state: ProviderState) -> None:
    job = await service.submit()
    provider(service, clock, state, "Keycloak did not answer within 5 seconds.")
    answer = await service.client().post(JOBS, json=BODY)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Keycloak did not answer within 5 seconds." in answer.json()["error"]["message"]
    assert await code(service, "POST", f"{JOBS}/{job}/rerun") == (503, "unavailable")
    # What runs goes on, can be looked at, and can be ended.
    assert (await code(service, "GET", f"{JOBS}/{job}"))[0] == 200
    shown = (await service.client().get("/groups/physics")).json()["operations"]
    assert not shown["job.submit"]["allowed"] and "did not answer" in shown["job.submit"]["reason"]
    assert shown["job.read"]["allowed"] and shown["job.cancel"]["allowed"]
    assert (await code(service, "POST", f"{JOBS}/{job}/cancel"))[0] == 200
    # Who may not, is told that and not to wait.
    assert await code(service, "POST", JOBS, "vic", json=BODY) == (403, "forbidden")
    assert await code(service, "POST", "/groups/chemistry/jobs", json=BODY) == (404, "not_found")
    provider(service, clock, ProviderState.OK)
    assert (await code(service, "POST", JOBS, json=BODY))[0] == 201


async def test_reading_ends_after_the_grace(service: Service, clock: Clock) -> None:
    provider(service, clock, ProviderState.UNAVAILABLE, "no answer")
    clock.forward(890)
    assert (await code(service, "GET", "/groups/physics"))[0] == 200
    clock.forward(20)
    assert await code(service, "GET", "/groups/physics") == (503, "unavailable")
    assert await code(service, "GET", "/context") == (503, "unavailable")
    # Whom the provider does not know, it cannot take anything from.
    assert (await code(service, "GET", "/groups/physics", "max"))[0] == 200
    assert (await code(service, "GET", "/info"))[0] == 200
    provider(service, clock, ProviderState.OK)
    assert (await code(service, "GET", "/groups/physics"))[0] == 200


async def test_public_operations_that_give_power_wait_too(
    service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(POLICY, Operation.INFO_READ, Rule(None, None, confirm=True))
    assert InfoHandler.endpoints["GET"].public
    assert (await code(service, "GET", "/info"))[0] == 200
    provider(service, clock, ProviderState.UNAVAILABLE, "no answer")
    assert await code(service, "GET", "/info") == (503, "unavailable")


async def test_sight_is_noted_once_a_minute(service: Service, clock: Clock) -> None:
    def seen() -> Any:
        with service.database.read() as uow:
            found = uow.identities.of_user("mia")
            return found and found.seen_at

    async def look() -> Any:
        await service.client().get("/context")
        await asyncio.gather(*service.context.gate._noting.values())
        return seen()

    first = await look()
    assert first is not None
    clock.forward(50)
    assert await look() == first
    clock.forward(20)
    later = await look()
    assert later > first
    # Those of another kind leave no trace.
    await service.client("max").get("/context")
    assert service.context.gate._noting == {}


async def test_a_full_disk_does_not_keep_anybody_from_looking(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collegium.domain.errors import StorageFull

    async def full(_: Any) -> None:
        raise StorageFull("full")

    monkeypatch.setattr(service.database, "writing", full)
    assert (await service.client().get("/context")).status_code == 200
    await asyncio.gather(*service.context.gate._noting.values())


async def stream(service: Service, ended: asyncio.Event, opened: asyncio.Event) -> None:
    async with service.client().stream("GET", "/groups/physics/events", timeout=60) as answer:
        assert answer.status_code == 200
        async for _ in answer.aiter_raw():
            opened.set()
    ended.set()


@pytest.mark.parametrize("how", ["removed", "disabled", "token revoked", "outage too long"])
async def test_a_stream_ends_with_the_right_to_read(
    service: Service, clock: Clock, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(sse, "RECHECK", 0.05)
    monkeypatch.setattr(groups, "BREATH", 0.05)
    service.context.gate.hub_auth.cache_max_age = 1
    looks, renew = 0, service.context.gate.renew

    async def counted(*args: Any, **more: Any) -> Any:
        nonlocal looks
        looks += 1
        return await renew(*args, **more)

    monkeypatch.setattr(service.context.gate, "renew", counted)
    ended, opened = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(stream(service, ended, opened))
    async with asyncio.timeout(30):
        await opened.wait()
        # An outage by itself cuts nothing, however often the right is looked at.
        provider(service, clock, ProviderState.UNAVAILABLE, "no answer")
        before = looks
        while looks < before + 5:
            await asyncio.sleep(0.05)
        assert not ended.is_set()
        match how:
            case "removed":
                with service.database.write() as uow:
                    uow.memberships.delete("physics", "mia")
            case "disabled":
                with service.database.write() as uow:
                    account(uow, standing=Standing.DISABLED)
            case "token revoked":
                del hub.tokens["mia"]
            case "outage too long":
                clock.forward(1000)
        await ended.wait()
    await task


async def test_the_grace_is_the_operators(seeded: Database, hub: FakeHub, clock: Clock, tmp_path: Any) -> None:
    options = ControlOptions(keycloak=settings_of(tmp_path, outage_grace=0))
    async with running_service(seeded, hub, clock=clock, options=options, control=False) as service:
        provider(service, clock, ProviderState.UNAVAILABLE, "no answer")
        clock.forward(1)
        assert await code(service, "GET", "/context") == (503, "unavailable")
