"""A login that begins at one replica and ends at another; and states that nobody should get in with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from collegium.db import Database
from collegium.services import oauth
from integration.services.harness import PREFIX, FakeHub, Service, running_service


@dataclass
class Pair:
    """Two replicas behind one address, as a browser sees them: cookies belong to the name, not to the replica."""

    first: Service
    second: Service
    hub: FakeHub
    browser: httpx.AsyncClient

    async def begin(self, path: str = PREFIX) -> str:
        """Ask for a page at the first replica; the state that the browser is sent to the hub with."""
        answer = await self.browser.get(self.first.url + path)
        assert answer.status_code == 302, answer.text
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        self.hub.codes["a-code"] = ("mia", query["code_challenge"][0])
        return query["state"][0]

    async def end(self, state: str, service: Service | None = None) -> httpx.Response:
        """The hub sends the browser back, to the second replica unless told otherwise."""
        to = (service or self.second).url + PREFIX + "oauth_callback"
        return await self.browser.get(to, params={"code": "a-code", "state": state})

    @property
    def logged_in(self) -> bool:
        return "service-collegium" in self.browser.cookies


@pytest.fixture
async def pair(seeded: Database, hub: FakeHub) -> AsyncIterator[Pair]:
    async with (
        running_service(seeded, hub, control=False) as first,
        running_service(seeded, hub, control=False) as second,
        httpx.AsyncClient(verify=False) as browser,
    ):
        yield Pair(first, second, hub, browser)


async def test_a_login_ends_at_another_replica(pair: Pair) -> None:
    answer = await pair.end(await pair.begin(f"{PREFIX}?from=mail"))
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{PREFIX}?from=mail")
    page = await pair.browser.get(pair.first.url + PREFIX)
    assert page.status_code == 200 and "mia" in page.text


async def test_nothing_of_it_can_be_read_from_address_or_cookie(pair: Pair) -> None:
    state = await pair.begin()
    kept = pair.first.context.gate.hub_auth._decode_state(state)
    assert len(kept["code_verifier"]) >= 43
    seen = state + "".join(pair.browser.cookies.values())
    assert kept["code_verifier"] not in seen
    assert not pair.first.context.gate.hub_auth._oauth_states


async def test_two_logins_at_a_time(pair: Pair) -> None:
    """The second has a cookie of its own; each ends with its own state."""
    await pair.begin()
    state = await pair.begin()
    assert pair.first.context.gate.hub_auth.get_state_cookie_name(state).startswith("service-collegium-oauth-state-")
    assert (await pair.end(state)).status_code == 302
    assert pair.logged_in


@pytest.mark.parametrize("how", ["changed", "cut", "empty", "another installation's", "not ASCII"])
async def test_a_state_that_we_did_not_make(pair: Pair, how: str) -> None:
    state = await pair.begin()
    other = oauth.BrowserStateOAuth(api_token="another", oauth_client_id="c")
    made = {
        "changed": state[:-10] + ("A" if state[-10] != "A" else "B") + state[-9:],
        "cut": state[:40],
        "empty": "",
        "another installation's": other.generate_state("/x"),
        "not ASCII": "ü" * 8,
    }
    assert (await pair.end(made[how])).status_code == 403
    assert not pair.logged_in
    assert "a-code" in pair.hub.codes


async def test_a_state_of_another_browser(pair: Pair) -> None:
    """A link with somebody else's state and code must not log this browser in as them."""
    state = await pair.begin()
    async with httpx.AsyncClient(verify=False) as victim:
        url = pair.second.url + PREFIX + "oauth_callback"
        assert (await victim.get(url, params={"code": "a-code", "state": state})).status_code == 403
        assert "service-collegium" not in victim.cookies
    assert "a-code" in pair.hub.codes


async def test_a_state_that_is_too_old(pair: Pair) -> None:
    state = await pair.begin()
    pair.second.context.gate.hub_auth.oauth_state_max_age = -1
    assert (await pair.end(state)).status_code == 403
    assert not pair.logged_in


async def test_a_state_is_used_once(pair: Pair) -> None:
    state = await pair.begin()
    assert (await pair.end(state)).status_code == 302
    pair.hub.codes["a-code"] = ("max", "anything")
    # Who is logged in already is sent on, without a new token.
    again = await pair.end(state, pair.first)
    assert (again.status_code, again.headers["Location"]) == (302, PREFIX)
    pair.browser.cookies.clear()
    assert (await pair.end(state, pair.first)).status_code == 403
    assert "a-code" in pair.hub.codes


async def test_a_long_way_back_is_not_carried_along(pair: Pair) -> None:
    answer = await pair.end(await pair.begin(f"{PREFIX}?a={'x' * 3000}"))
    assert (answer.status_code, answer.headers["Location"]) == (302, PREFIX)
