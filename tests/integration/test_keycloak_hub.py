"""A real hub with a scripted provider: login, hostile answers, refresh, logout and the back channel, over HTTP."""

from __future__ import annotations

import asyncio
import html
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from traitlets.config import Config

from collegium.db import Database
from collegium.db.engine import now
from collegium.db.shared import shared_database
from collegium.domain.groups import Role
from collegium.domain.identity import ProviderState
from collegium.hub import install
from support.hub import find_proxy
from support.installation import free_port
from support.scripted_oidc import SECRET, Key, Script, person, scripted_provider

HubApp = Callable[[Config], Awaitable[Any]]
VARIABLES = [
    "COLLEGIUM_STATE_DIR",
    "COLLEGIUM_DATABASE_URL",
    "COLLEGIUM_CATALOG",
    "COLLEGIUM_KEYCLOAK",
    "JUPYTERHUB_CRYPT_KEY",
]
ADMIN = "test-token-that-administers-this-hub-only"


class Hub:
    def __init__(self, app: Any, url: str, script: Script) -> None:
        self.app, self.url, self.script = app, url, script
        self.authenticator = app.authenticator

    @property
    def database(self) -> Database:
        return shared_database()

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=60)

    async def begin(self, browser: httpx.AsyncClient, next_url: str = "") -> httpx.Response:
        return await browser.get("/hub/oauth_login", params={"next": next_url} if next_url else {})

    async def login(self, browser: httpx.AsyncClient, name: str, next_url: str = "") -> httpx.Response:
        """Both halves of a login, as a browser makes them."""
        sent = await self.begin(browser, next_url)
        assert sent.status_code == 302, sent.text
        code, state = self.script.authorize(sent.headers["Location"], name)
        return await browser.get("/hub/oauth_callback", params={"code": code, "state": state})

    async def api(self, method: str, path: str, token: str = ADMIN, body: Any = None) -> httpx.Response:
        async with httpx.AsyncClient(timeout=60) as client:
            headers = {"Authorization": f"token {token}"}
            return await client.request(method, f"{self.url}/hub/api{path}", headers=headers, json=body)

    async def token(self, name: str) -> str:
        answer = await self.api("POST", f"/users/{name}/tokens", body={"note": "mine"})
        return str(answer.json()["token"])

    def hub_user(self, name: str) -> Any:
        from jupyterhub import orm

        return self.app.users[orm.User.find(self.app.db, name)]

    def forget_refresh(self, name: str) -> None:
        """The next request asks again, as after some seconds."""
        self.hub_user(name)._auth_refreshed = None
        self.authenticator.refresher.ended(name)

    def roles(self, name: str) -> dict[str, Role]:
        with self.database.read() as uow:
            return uow.memberships.of_user(name)

    def status(self) -> Any:
        with self.database.read() as uow:
            return uow.providers.current()


def shown(response: httpx.Response) -> str:
    """The text of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


@pytest.fixture
async def hub(hub_app: HubApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    for name in VARIABLES:
        # install() tells the hub's process where things are; the next test must not find them.
        monkeypatch.setenv(name, "")
    async with scripted_provider() as script:
        script.people = {
            "ann": person("ann", "/physics/admins", "/chemistry"),
            "bob": person("bob", "/physics"),
            "root": person("root", realm_roles=["platform-admin"]),
        }
        c, port = Config(), free_port()
        c.JupyterHub.bind_url = f"http://127.0.0.1:{port}"
        c.JupyterHub.hub_port = free_port()
        c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{free_port()}"
        c.ConfigurableHTTPProxy.command = [find_proxy()]
        c.JupyterHub.db_url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
        c.JupyterHub.services = [{"name": "test", "api_token": ADMIN}]
        scopes = ["admin:users", "admin:servers", "tokens"]
        c.JupyterHub.load_roles = [{"name": "test", "services": ["test"], "scopes": scopes}]
        install(c, state_dir=tmp_path / "state", service_port=None, keycloak=script.settings(tmp_path, patience=1.0))
        app = await hub_app(c)
        yield Hub(app, f"http://127.0.0.1:{port}", script)


async def test_what_is_installed(hub: Hub) -> None:
    assert type(hub.authenticator).__name__ == "KeycloakAuthenticator"
    assert hub.authenticator.enable_auth_state
    assert hub.status().issuer == hub.script.issuer
    # Nothing is asked before somebody comes.
    assert hub.script.asked == []


async def test_login_brings_groups_roles_and_the_admin_right(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with hub.browser() as browser:
        sent = await hub.begin(browser, "/hub/spawn/ann/physics")
        query = parse_qs(urlsplit(sent.headers["Location"]).query)
        assert query["redirect_uri"] == [f"{hub.url}/hub/oauth_callback"]
        assert query["scope"] == ["openid profile email"]
        assert (query["code_challenge_method"], query["response_type"]) == (["S256"], ["code"])
        done = await hub.login(browser, "ann", "/hub/home?x=1")
        assert (done.status_code, done.headers["Location"]) == (302, "/hub/home?x=1")
        home = await browser.get("/hub/home")
        assert "ann" in home.text
    assert hub.roles("ann") == {"physics": Role.ADMIN, "chemistry": Role.MEMBER}
    user = (await hub.api("GET", "/users/ann")).json()
    assert (sorted(user["groups"]), user["admin"]) == (["chemistry", "physics"], False)
    assert set(user["auth_state"] or {}) <= {"refresh_token", "access_token", "id_token", "sub", "sid"}
    async with hub.browser() as browser:
        await hub.login(browser, "root")
    assert (await hub.api("GET", "/users/root")).json()["admin"] is True
    state = await hub.hub_user("ann").get_auth_state()
    assert set(state) == {"refresh_token", "access_token", "id_token", "sub", "sid"}
    for secret in (SECRET, *[v for k, v in state.items() if k.endswith("token")]):
        assert secret not in caplog.text


async def refused(hub: Hub, name: str, status: int, words: str) -> None:
    async with hub.browser() as browser:
        page = await hub.login(browser, name)
        assert page.status_code == status, page.text
        assert re.search(words, shown(page)), shown(page)
        assert SECRET not in page.text
        assert "Traceback" not in page.text
        # Nobody is logged in.
        assert (await browser.get("/hub/home")).status_code == 302
    assert (await hub.api("GET", f"/users/{name}")).status_code == 404


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"nonce": "another"}, r"refused \(nonce\)"),
        ({"aud": "another"}, r"refused \(aud\)"),
        ({"iss": "http://evil.example/realms/lab"}, r"refused \(iss\)"),
        ({"azp": "another"}, r"refused \(azp\)"),
        ({"exp": 1, "iat": 0}, r"refused \(exp\)"),
        ({"sub": "sub-bob"}, r"refused \(sub\): it is about another person"),
        ({"sub": None}, r"refused \(sub\)"),
    ],
)
async def test_id_tokens_that_are_not_believed(hub: Hub, claims: dict[str, Any], words: str) -> None:
    hub.script.id_claims = claims
    await refused(hub, "ann", 403, words)
    assert hub.roles("ann") == {}


async def test_a_foreign_key(hub: Hub) -> None:
    hub.script.id_token = hub.script.sign(hub.script.claims("ann"), Key("first"))
    await refused(hub, "ann", 403, r"refused \(signature\): the realm did not sign it")


async def test_a_clock_five_minutes_off_is_named(hub: Hub) -> None:
    hub.script.clock = 300
    await refused(hub, "ann", 403, r"refused \(iat\).*clock is (29\d|30\d) s ahead of this machine's")


async def test_states_and_codes(hub: Hub) -> None:
    script = hub.script
    async with hub.browser() as ann, hub.browser() as eve:
        code, state = script.authorize((await hub.begin(ann)).headers["Location"], "ann")
        # Another browser, with a login of its own and without; no state; a forged one.
        for browser, query in [
            (eve, {"code": code, "state": state}),
            (ann, {"code": code, "state": "eyJzdGF0ZV9pZCI6ICJ4In0="}),
            (ann, {"code": code, "state": "%%%"}),
            (ann, {"code": code, "state": "W10="}),
            (ann, {"code": code}),
            (ann, {"state": state}),
        ]:
            refusal = await browser.get("/hub/oauth_callback", params=query)
            assert refusal.status_code == 400, refusal.text
        await hub.begin(eve)
        assert (await eve.get("/hub/oauth_callback", params={"code": code, "state": state})).status_code == 400
    async with hub.browser() as ann:
        code, state = script.authorize((await hub.begin(ann)).headers["Location"], "ann")
        saved = dict(ann.cookies)
        assert (await ann.get("/hub/oauth_callback", params={"code": code, "state": state})).status_code == 302
    async with hub.browser() as thief:
        thief.cookies.update(saved)
        again = await thief.get("/hub/oauth_callback", params={"code": code, "state": state})
        assert again.status_code == 400
        assert "used already, or took too long" in shown(again)
    async with hub.browser() as ann:
        code, state = script.authorize((await hub.begin(ann)).headers["Location"], "ann")
        # A code that was intercepted is worth nothing without the verifier.
        script.codes[code] = (*script.codes[code][:2], "another-challenge")
        assert (await ann.get("/hub/oauth_callback", params={"code": code, "state": state})).status_code == 400


@pytest.mark.parametrize("url", ["//evil.example", "https://evil.example/x", "/\\evil.example", "///evil.example"])
async def test_no_redirect_leaves_the_hub(hub: Hub, url: str) -> None:
    async with hub.browser() as browser:
        target = (await hub.login(browser, "ann", url)).headers["Location"]
    assert target.startswith("/")
    assert not target.startswith("//")


async def test_names_that_are_not_anybodys(hub: Hub) -> None:
    hub.script.people["eve"] = person("eve", preferred_username="ANN")
    async with hub.browser() as browser:
        assert (await hub.login(browser, "ann")).status_code == 302
    async with hub.browser() as browser:
        page = await hub.login(browser, "eve")
        assert page.status_code == 403
        assert "belongs to another account" in shown(page)
    hub.script.people["odd"] = person("odd", preferred_username="ö/ö")
    await refused(hub, "odd", 403, "username: cannot be used here")
    # JupyterHub has a user from another time.
    await hub.api("POST", "/users/bob")
    async with hub.browser() as browser:
        page = await hub.login(browser, "bob")
        assert page.status_code == 403
        assert "from before Keycloak" in shown(page)
    # A rename in Keycloak changes no name here.
    hub.script.people["ann"] = person("ann", "/physics", preferred_username="anna.ö")
    async with hub.browser() as browser:
        assert (await hub.login(browser, "ann")).status_code == 302
        assert "ann" in (await browser.get("/hub/home")).text


async def test_mistakes_of_the_realm_are_a_503_and_loud(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    hub.script.people["ann"] = {"sub": "sub-ann", "preferred_username": "ann"}
    await refused(hub, "ann", 503, "not set up as this hub needs it.*mappers 'groups'.*collegium")
    assert "Group Membership" in caplog.text
    assert hub.status().state is ProviderState.MISCONFIGURED
    hub.script.people["ann"] = person("ann", *[f"/{'x' * 250}{i}" for i in range(2000)])
    await refused(hub, "ann", 503, "larger than 262144 bytes")
    hub.script.people["ann"] = person("ann", groups="/physics")
    await refused(hub, "ann", 503, "must be a list of names")


async def test_keycloak_is_down_before_anybody_came(hub: Hub) -> None:
    hub.script.down = True
    async with hub.browser() as browser:
        page = await hub.begin(browser)
        assert (page.status_code, page.headers["Retry-After"]) == (503, "10")
        assert "A login needs Keycloak, which does not answer now" in shown(page)
        assert hub.status().state is ProviderState.UNAVAILABLE
        hub.script.down = False
        hub.authenticator.provider.fetcher.circuit.answered()
        assert (await hub.login(browser, "ann")).status_code == 302
    assert hub.status().ok


async def test_key_rotation_while_people_log_in(hub: Hub) -> None:
    async with hub.browser() as browser:
        await hub.login(browser, "ann")
    hub.script.keys.append(Key("second"))
    hub.authenticator.provider.keys._clock = lambda: 1e9
    async with hub.browser() as browser:
        assert (await hub.login(browser, "bob")).status_code == 302


async def test_sessions_and_tokens_follow_keycloak(hub: Hub) -> None:
    async with hub.browser() as browser:
        await hub.login(browser, "ann")
        token = await hub.token("ann")
        hub.script.people["ann"] = person("ann", "/chemistry")
        hub.forget_refresh("ann")
        assert (await hub.api("GET", "/user", token)).json()["groups"] == ["chemistry"]
        hub.script.end_session("ann")
        hub.forget_refresh("ann")
        # The page sends to a login, and nothing breaks on the way.
        home = await browser.get("/hub/home")
        assert (home.status_code, urlsplit(home.headers["Location"]).path) == (302, "/hub/login")
        assert (await hub.api("GET", "/user", token)).status_code == 403
        # A new login, and the token is good again: it is the account's.
        assert (await hub.login(browser, "ann")).status_code == 302
        assert (await hub.api("GET", "/user", token)).status_code == 200


async def test_outage(hub: Hub) -> None:
    async with hub.browser() as browser:
        await hub.login(browser, "ann")
        token = await hub.token("ann")
        hub.script.down = True
        hub.forget_refresh("ann")
        assert (await browser.get("/hub/home")).status_code == 200
        assert (await hub.api("GET", "/user", token)).status_code == 200
        # Nothing new begins on old knowledge.
        options = {"group": "physics", "instance_type": "small", "image": "scientific-python"}
        start = await hub.api("POST", "/users/ann/servers/physics", token, options)
        assert start.status_code == 503, start.text
        assert "waits until the identity provider answers" in start.text
        # Longer than the grace: reading ends too, with a page that says so.
        with hub.database.write() as uow:
            uow.providers.say(hub.script.issuer, ProviderState.OK, "", now())
            uow.providers.say(hub.script.issuer, ProviderState.UNAVAILABLE, "away", now() - timedelta(seconds=1000))
        hub.forget_refresh("ann")
        page = await browser.get("/hub/home")
        assert page.status_code == 503
        assert "needs Keycloak" in shown(page)
        assert page.headers["Retry-After"] == "10"
        hub.forget_refresh("ann")
        answer = await hub.api("GET", "/user", token)
        assert (answer.status_code, answer.json()["status"]) == (503, 503)
        hub.forget_refresh("ann")
        moment = {"last_activity": now().isoformat()}
        assert (await hub.api("POST", "/users/ann/activity", token, moment)).status_code == 200
        hub.script.down = False
        hub.authenticator.provider.fetcher.circuit.answered()
        hub.forget_refresh("ann")
        assert (await browser.get("/hub/home")).status_code == 200


async def test_logout_ends_the_session_at_keycloak_and_shows_no_token_in_a_url(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with hub.browser() as browser:
        await hub.login(browser, "ann")
        hint = (await hub.hub_user("ann").get_auth_state())["id_token"]
        page = await browser.get("/hub/logout")
        assert page.status_code == 200
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        assert fields == {
            "id_token_hint": hint,
            "client_id": "collegium",
            "post_logout_redirect_uri": f"{hub.url}/hub/login",
        }
        assert f'action="{hub.script.issuer}/protocol/openid-connect/logout"' in page.text
        assert page.headers["Cache-Control"] == "no-store"
        assert (await browser.get("/hub/home")).status_code == 302
        assert await hub.hub_user("ann").get_auth_state() is None
        assert hint not in caplog.text
        # Without anybody logged in, the hub's own page.
        assert (await browser.get("/hub/logout")).status_code == 302


async def backchannel(hub: Hub, token: str | None) -> httpx.Response:
    async with httpx.AsyncClient() as server:
        data = {} if token is None else {"logout_token": token}
        return await server.post(f"{hub.url}/hub/backchannel_logout", data=data)


async def test_the_back_channel_ends_all_browser_sessions_and_nothing_else(hub: Hub) -> None:
    from jupyterhub import orm

    async with hub.browser() as first, hub.browser() as second, hub.browser() as other:
        await hub.login(first, "ann")
        await hub.login(second, "ann")
        await hub.login(other, "bob")
        mine = await hub.token("ann")
        user = hub.hub_user("ann")
        token = hub.script.logout_token("ann")
        answer = await backchannel(hub, token)
        assert (answer.status_code, answer.text) == (204, "")
        assert answer.headers["Cache-Control"] == "no-store"
        for browser in (first, second):
            assert (await browser.get("/hub/home")).status_code == 302
        assert (await other.get("/hub/home")).status_code == 200
        # The account's own token stays; who may use it, the next refresh says.
        assert hub.app.db.query(orm.APIToken).filter_by(user_id=user.orm_user.id).count() == 1
        assert mine
        replay = await backchannel(hub, token)
        assert replay.status_code == 400
        assert replay.json() == {
            "error": "invalid_request",
            "error_description": "Keycloak's logout token was refused (jti): it was used already.",
        }
    with hub.database.read() as uow:
        assert ("session.end", "ann") in {(a.action, a.object) for a in uow.audit.page(10)}


async def test_tokens_of_pages_go_with_the_session(hub: Hub) -> None:
    from jupyterhub import orm

    async with hub.browser() as browser:
        await hub.login(browser, "ann")
    user = hub.hub_user("ann").orm_user
    client = hub.app.db.query(orm.OAuthClient).first()
    for session in ("page", None):
        orm.APIToken.new(user=user, session_id=session, client_id=client.identifier, scopes=["read:users!user=ann"])
    hub.app.db.add(orm.OAuthCode(client=client, code="c", expires_at=2**31, user=user, session_id="page"))
    hub.app.db.commit()
    assert (await backchannel(hub, hub.script.logout_token("ann"))).status_code == 204
    tokens = hub.app.db.query(orm.APIToken).filter_by(user_id=user.id)
    assert [t.session_id for t in tokens] == [None]
    assert hub.app.db.query(orm.OAuthCode).count() == 0


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"aud": "another"}, "aud"),
        ({"iss": "http://evil.example/realms/lab"}, "iss"),
        ({"events": {}}, "events"),
        ({"nonce": "n"}, "nonce"),
        ({"sub": None}, "sub"),
        ({"jti": None}, "jti"),
        ({"exp": 1}, "exp"),
        ({"iat": 1, "exp": None}, "iat"),
    ],
)
async def test_logout_tokens_that_are_not_believed(hub: Hub, changes: dict[str, Any], check: str) -> None:
    async with hub.browser() as browser:
        await hub.login(browser, "ann")
        answer = await backchannel(hub, hub.script.logout_token("ann", **changes))
        assert answer.status_code == 400
        assert f"({check})" in answer.json()["error_description"]
        assert (await browser.get("/hub/home")).status_code == 200


async def test_other_calls_of_the_back_channel(hub: Hub) -> None:
    assert (await backchannel(hub, None)).status_code == 400
    assert (await backchannel(hub, "x" * 70_000)).status_code == 400
    assert (await backchannel(hub, hub.script.logout_token("never-came"))).status_code == 204
    assert (await backchannel(hub, hub.script.sign(hub.script.claims("ann")))).status_code == 400
    async with hub.browser() as browser:
        assert (await browser.get("/hub/backchannel_logout")).status_code == 405


async def test_many_at_once_ask_once(hub: Hub) -> None:
    async with hub.browser() as browser:
        await hub.login(browser, "ann")
    token = await hub.token("ann")
    hub.forget_refresh("ann")
    hub.script.asked.clear()
    hub.script.delay = 0.1
    answers = await asyncio.gather(*[hub.api("GET", "/user", token) for _ in range(20)])
    assert {a.status_code for a in answers} == {200}
    assert hub.script.asked == ["userinfo"]
    assert json.loads(answers[0].text)["name"] == "ann"
