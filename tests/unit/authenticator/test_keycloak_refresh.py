"""Fresh, revoked, or no answer: against a scripted provider and a real database."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.apihandlers.users import ActivityAPIHandler
from tornado import web

from collegium.authenticator.keycloak import KeycloakAuthenticator
from collegium.authenticator.keycloak_refresh import Fresh, Refresher, Revoked
from collegium.db import Database
from collegium.db.engine import now
from collegium.domain.errors import Misconfigured, Unavailable
from collegium.domain.groups import Group, Role
from collegium.domain.identity import ProviderState, Standing
from collegium.identity.accept import accept, dismiss
from collegium.identity.settings import VARIABLE, KeycloakSettings
from support.scripted_oidc import SECRET, Script, person, scripted_provider


class HubUser:
    """As much of JupyterHub's user as a refresh sees."""

    def __init__(self, name: str, state: dict[str, Any] | None = None) -> None:
        self.name, self.state, self.admin, self.groups, self.saved = name, state, False, [], 0
        self._auth_refreshed = None

    async def get_auth_state(self) -> dict[str, Any] | None:
        return self.state

    async def save_auth_state(self, state: dict[str, Any] | None) -> None:
        self.state, self.saved = state, self.saved + 1


class World:
    def __init__(self, script: Script, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.script, self.database = script, database
        self.folder, self.monkeypatch = folder, monkeypatch
        with database.write() as uow:
            for name in ("physics", "chemistry"):
                uow.groups.put(Group(name, name))
        script.people["ann"] = person("ann", "/physics/admins")
        self.use()

    def use(self, **more: Any) -> None:
        """Begin anew with these settings."""
        made = KeycloakSettings.from_mapping(self.script.settings(self.folder, **more))
        self.monkeypatch.setenv(VARIABLE, made.to_json())
        self.monkeypatch.setattr("collegium.authenticator.keycloak.shared_database", lambda: self.database)
        self.authenticator = KeycloakAuthenticator()
        self.authenticator.log = logging.getLogger("test.keycloak")
        with self.database.write() as uow:
            uow.providers.begin(made.issuer, now())

    def sync(self, **more: Any) -> None:
        secret = self.folder / "sync"
        secret.write_text("s")
        client = {"client_id": "collegium-sync", "client_secret_file": str(secret), "interval": 1}
        self.use(sync=client, **more)

    @property
    def refresher(self) -> Refresher:
        return self.authenticator.refresher

    def member(self, name: str = "ann", age: float = 0, tokens: bool = True) -> HubUser:
        """Somebody who has logged in, ``age`` seconds ago."""
        said = self.refresher.provider.settings
        from collegium.authenticator.keycloak_claims import claims_of

        with self.database.write() as uow:
            info = self.script.people[name]
            accept(uow, said, claims_of(info, said), now() - timedelta(seconds=age))
        grant = self.script.grant(name)
        state = {k: grant[k] for k in ("access_token", "refresh_token", "id_token")}
        user = HubUser(name, {**state, "sub": f"sub-{name}", "sid": "s"} if tokens else None)
        user.groups = [SimpleNamespace(name=g) for g in self.roles(name)]
        return user

    def roles(self, name: str = "ann") -> dict[str, Role]:
        with self.database.read() as uow:
            return uow.memberships.of_user(name)

    def status(self) -> Any:
        with self.database.read() as uow:
            return uow.providers.current()

    def say(self, state: ProviderState, since: float) -> None:
        with self.database.write() as uow:
            uow.providers.say(self.script.issuer, ProviderState.OK, "", now())
            uow.providers.say(self.script.issuer, state, "it is away", now() - timedelta(seconds=since))

    def age(self, name: str, seconds: float) -> None:
        with self.database.write() as uow:
            identity = uow.identities.of_user(name)
            uow.identities.put(dataclasses.replace(identity, checked_at=now() - timedelta(seconds=seconds)))


@pytest.fixture
async def world(tmp_path: Path, sqlite_database: Database, monkeypatch) -> AsyncIterator[World]:
    async with scripted_provider() as script:
        yield World(script, sqlite_database, tmp_path, monkeypatch)


async def test_groups_follow_at_the_next_refresh_and_no_change_is_true(world: World) -> None:
    ann = world.member()
    assert await world.authenticator.refresh_user(ann) is True
    world.script.people["ann"] = person("ann", "/chemistry", realm_roles=["platform-admin"])
    model = await world.authenticator.refresh_user(ann)
    assert model == {"name": "ann", "admin": True, "groups": ["chemistry"]}
    assert world.roles() == {"chemistry": Role.MEMBER}
    world.script.people["ann"] = person("ann")
    assert (await world.authenticator.refresh_user(ann))["groups"] == []


async def test_rotated_tokens_are_kept_at_once(world: World) -> None:
    ann = world.member()
    first = dict(ann.state)
    world.script.expire_access("ann")
    assert await world.authenticator.refresh_user(ann) is True
    assert ann.saved == 1
    assert {ann.state[k] for k in ("access_token", "refresh_token", "id_token")}.isdisjoint(first.values())
    assert set(ann.state) == {"refresh_token", "access_token", "id_token", "sub", "sid"}
    # And are used from then on.
    world.script.expire_access("ann")
    assert await world.authenticator.refresh_user(ann) is True


async def test_tokens_are_kept_even_if_the_request_goes_away(world: World) -> None:
    ann = world.member()
    first = ann.state["refresh_token"]
    world.script.expire_access("ann")
    world.script.delay = 0.05
    request = asyncio.ensure_future(world.refresher.refresh(ann, True))
    while "token" not in world.script.asked:
        await asyncio.sleep(0.01)
    request.cancel()
    while not ann.saved:
        await asyncio.sleep(0.01)
    assert ann.state["refresh_token"] != first


async def test_one_question_for_many_requests(world: World) -> None:
    ann = world.member()
    world.script.expire_access("ann")
    world.script.delay = 0.05
    outcomes = await asyncio.gather(*[world.refresher.refresh(ann, True) for _ in range(50)])
    assert all(isinstance(o, Fresh) for o in outcomes)
    assert world.script.asked.count("token") == 1
    assert world.script.asked.count("userinfo") == 2


@pytest.mark.parametrize("reason", ["Session not active", "Token is not active", "Maximum allowed refresh token reuse"])
async def test_a_session_that_ended_is_revoked_and_not_asked_for_again(world: World, reason: str) -> None:
    ann = world.member()
    world.script.end_session("ann")
    world.script.refused_grant = reason
    outcome = await world.refresher.refresh(ann, True)
    assert isinstance(outcome, Revoked)
    assert reason in outcome.reason
    asked = len(world.script.asked)
    assert await world.authenticator.refresh_user(ann) is False
    assert (len(world.script.asked), ann.state) == (asked, None)
    # The account may be well: what it is in stays, only the session is over.
    assert world.roles() == {"physics": Role.ADMIN}


async def test_a_disabled_account_loses_everything(world: World) -> None:
    ann = world.member()
    world.script.end_session("ann")
    world.script.refused_grant = "User disabled"
    assert await world.authenticator.refresh_user(ann) is False
    assert world.roles() == {}
    with world.database.read() as uow:
        assert uow.identities.of_user("ann").standing is Standing.DISABLED


@pytest.mark.parametrize("standing", [Standing.DISABLED, Standing.DELETED])
async def test_a_standing_in_the_database_counts_at_once(world: World, standing: Standing) -> None:
    ann = world.member()
    with world.database.write() as uow:
        dismiss(uow, "ann", standing, now(), "sync")
    outcome = await world.refresher.refresh(ann, True)
    assert isinstance(outcome, Revoked)
    assert standing.value in outcome.reason
    assert world.script.asked == []


async def test_somebody_without_an_account_is_revoked(world: World) -> None:
    assert await world.authenticator.refresh_user(HubUser("zoe")) is False


async def test_tokens_of_another_account(world: World) -> None:
    ann = world.member()
    world.script.people["ann"] = person("eve", "/physics", sub="sub-eve")
    assert await world.authenticator.refresh_user(ann) is False


async def silence(world: World, kind: str) -> None:
    if kind == "down":
        world.script.down = True
    elif kind == "slow":
        world.script.delay = 30
    elif kind == "refresh fails":
        world.script.expire_access("ann")
        world.script.statuses = {"token": 503}
    else:
        world.script.statuses = {"userinfo": int(kind)}


@pytest.mark.parametrize("kind", ["down", "slow", "500", "503", "429", "refresh fails"])
async def test_silence_logs_nobody_out_and_is_told_once(world: World, kind: str, caplog) -> None:
    world.use(patience=0.3)
    ann = world.member()
    assert await world.authenticator.refresh_user(ann) is True
    await silence(world, kind)
    caplog.set_level(logging.INFO)
    for _ in range(6):
        assert await world.authenticator.refresh_user(ann) is True
    assert world.roles() == {"physics": Role.ADMIN}
    status = world.status()
    assert status.state is ProviderState.UNAVAILABLE
    assert len([r for r in caplog.records if "Keycloak is unavailable" in r.getMessage()]) == 1
    # Back again.
    world.script.down, world.script.delay, world.script.statuses = False, 0, {}
    world.refresher.provider.fetcher.circuit.answered()
    assert await world.authenticator.refresh_user(ann) is True
    assert world.status().ok
    assert SECRET not in caplog.text


async def test_after_the_grace_reads_are_refused_but_not_a_running_servers_sign_of_life(world: World) -> None:
    ann = world.member()
    world.script.down = True
    world.say(ProviderState.UNAVAILABLE, since=899)
    assert await world.authenticator.refresh_user(ann) is True
    world.say(ProviderState.UNAVAILABLE, since=901)
    with pytest.raises(web.HTTPError) as caught:
        await world.authenticator.refresh_user(ann)
    assert caught.value.status_code == 503
    assert "needs Keycloak, which does not answer now" in str(caught.value.log_message)
    assert caught.value.headers["Retry-After"]
    activity = ActivityAPIHandler.__new__(ActivityAPIHandler)
    assert await world.authenticator.refresh_user(ann, activity) is True


MISSING = {"sub": "sub-ann", "preferred_username": "ann"}


@pytest.mark.parametrize("info", [MISSING, {**MISSING, "groups": "/physics"}, {**MISSING, "groups": [7]}])
async def test_a_missing_mapper_keeps_the_last_good_groups_and_is_loud(world: World, info: Any, caplog) -> None:
    ann = world.member()
    world.script.userinfo = info
    for _ in range(3):
        assert await world.authenticator.refresh_user(ann) is True
    assert world.roles() == {"physics": Role.ADMIN}
    assert world.status().state is ProviderState.MISCONFIGURED
    (line,) = [r for r in caplog.records if r.levelno == logging.CRITICAL]
    assert "groups" in line.getMessage()
    world.script.userinfo = None
    assert await world.authenticator.refresh_user(ann) is True
    assert world.status().ok


async def test_one_persons_oversized_answer_stops_nobody_else(world: World, caplog) -> None:
    ann = world.member()
    world.script.userinfo = {**world.script.people["ann"], "sub": "x" * 300}
    outcome = await world.refresher.refresh(ann, True)
    assert isinstance(outcome, Misconfigured)
    assert world.status().ok
    assert world.roles() == {"physics": Role.ADMIN}


async def test_allowed_groups_count_at_refresh_too(world: World) -> None:
    a = world.authenticator
    a.allowed_groups = {"physics"}
    assert not a.allow_all
    ann = world.member()
    assert await a.refresh_user(ann) is True
    world.script.people["ann"] = person("ann", "/chemistry")
    assert await a.refresh_user(ann) is False
    world.script.people["ann"] = person("ann", "/physics")
    assert (await a.refresh_user(ann)) is not False
    a.blocked_users = {"ann"}
    assert await a.refresh_user(ann) is False


# With a sync account


async def test_with_sync_the_database_answers_for_tokens_without_a_session(world: World) -> None:
    world.sync()
    ann = world.member(age=5, tokens=False)
    assert isinstance(await world.refresher.refresh(ann, False), Fresh)
    world.age("ann", 25)
    assert isinstance(await world.refresher.refresh(ann, False), Fresh)
    assert world.script.asked == []


async def test_with_sync_nobody_watched_yet_is_confirmed_by_own_tokens(world: World) -> None:
    world.sync()
    ann = world.member(age=3600)
    world.script.people["ann"] = person("ann", "/chemistry")
    outcome = await world.refresher.refresh(ann, False)
    assert isinstance(outcome, Fresh)
    assert set(outcome.accepted.roles) == {"chemistry"}
    with world.database.read() as uow:
        assert [i.user for i in uow.identities.watched(world.script.issuer, now() - timedelta(minutes=1))] == ["ann"]


async def test_with_sync_and_no_session_the_sync_is_waited_for(world: World) -> None:
    world.sync()
    ann = world.member(age=3600)
    world.script.end_session("ann")

    async def sync() -> None:
        while True:
            with world.database.read() as uow:
                watched = uow.identities.watched(world.script.issuer, now() - timedelta(minutes=1))
            if watched:
                return world.age("ann", 0)
            await asyncio.sleep(0.02)

    outcome, _ = await asyncio.gather(world.refresher.refresh(ann, False), sync())
    assert isinstance(outcome, Fresh)


async def test_with_sync_that_is_late_nothing_is_believed_that_is_old(world: World) -> None:
    world.sync()
    ann = world.member(age=3600, tokens=False)
    clock = iter(range(0, 10_000, 1))
    world.refresher._clock = lambda: float(next(clock))
    outcome = await world.refresher.refresh(ann, False)
    assert isinstance(outcome, Unavailable)
    assert "sync with Keycloak is late" in outcome.message
    with pytest.raises(web.HTTPError):
        await world.authenticator.refresh_user(ann)
    # What was confirmed some minutes ago may still be read.
    world.age("ann", 600)
    assert await world.authenticator.refresh_user(ann) is True
    assert world.status().ok


async def test_with_sync_a_browser_session_must_live_at_keycloak(world: World) -> None:
    world.sync()
    ann = world.member()
    assert isinstance(await world.refresher.refresh(ann, True), Fresh)
    asked = len(world.script.asked)
    # Once seen alive it is not asked for at each request.
    assert isinstance(await world.refresher.refresh(ann, True), Fresh)
    assert len(world.script.asked) == asked
    world.refresher.ended("ann")
    world.script.end_session("ann")
    assert isinstance(await world.refresher.refresh(ann, True), Revoked)
    # The account's own tokens live on.
    assert isinstance(await world.refresher.refresh(ann, False), Fresh)


async def test_with_sync_an_answer_without_groups_takes_none_away(world: World) -> None:
    world.sync()
    ann = world.member()
    world.script.people["ann"] = person("ann")
    outcome = await world.refresher.refresh(ann, True)
    assert isinstance(outcome, Fresh)
    assert set(outcome.accepted.roles) == {"physics"} == set(world.roles())
    world.refresher.ended("ann")
    world.script.people["ann"] = person("ann", "/chemistry")
    outcome = await world.refresher.refresh(ann, True)
    assert set(outcome.accepted.roles) == {"chemistry"}


async def test_with_sync_the_hub_leaves_the_last_word_to_it(world: World) -> None:
    world.sync()
    ann = world.member()
    world.say(ProviderState.MISCONFIGURED, since=5)
    assert isinstance(await world.refresher.refresh(ann, True), Fresh)
    assert world.status().state is ProviderState.MISCONFIGURED
    # What it said itself it takes back.
    world.say(ProviderState.OK, since=0)
    world.refresher.ended("ann")
    world.script.down = True
    await world.refresher.refresh(ann, True)
    assert world.status().state is ProviderState.UNAVAILABLE
    world.script.down = False
    await world.refresher.refresh(ann, True)
    assert world.status().ok


async def test_during_an_outage_tokens_do_not_wait_for_the_sync(world: World) -> None:
    world.sync()
    ann = world.member(age=300, tokens=False)
    world.say(ProviderState.UNAVAILABLE, since=60)
    world.refresher._clock = lambda: 0.0
    assert isinstance(await world.refresher.refresh(ann, False), Unavailable)
    assert await world.authenticator.refresh_user(ann) is True


def test_secure_defaults(world_settings: KeycloakAuthenticator) -> None:
    a = world_settings
    assert (a.manage_groups, a.refresh_pre_spawn, a.auth_refresh_strict, a.enable_auth_state) == (True,) * 4
    assert (a.enable_pkce, a.validate_server_cert, a.allow_all, a.auth_refresh_age) == (True, True, True, 5)
    assert (a.scope, a.client_id, a.client_secret) == (["openid", "profile", "email"], "collegium", "")


@pytest.fixture
def world_settings(tmp_path: Path, monkeypatch) -> KeycloakAuthenticator:
    script = Script(url="http://127.0.0.1:9")
    monkeypatch.setenv(VARIABLE, KeycloakSettings.from_mapping(script.settings(tmp_path)).to_json())
    return KeycloakAuthenticator()


@pytest.mark.parametrize("trait", ["allowed_groups", "allowed_users"])
def test_a_list_of_whom_to_allow_means_only_those(world_settings: KeycloakAuthenticator, trait: str) -> None:
    setattr(world_settings, trait, {"x"})
    assert not world_settings.allow_all
