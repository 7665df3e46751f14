"""What the self-test sees of a realm and of a hub's door, from servers that answer as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from collegium.hub.realm import check_door, discover
from collegium.hub.visit import Failure, Visit

THERE = "https://login.example/realms/lab/protocol/openid-connect/auth"
REALM = {"authorization_endpoint": THERE}
GOOD = f"{THERE}?client_id=collegium&code_challenge=x&code_challenge_method=S256&state=s"


class Site:
    """``pages`` is path → (status, Location, body)."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, str, str]] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, location, body = site.pages.get(self.path, (404, "", "nothing here"))
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_a_redirect_and_a_button_lead_to_the_realm(site: Site) -> None:
    site.pages["/lab/hub/oauth_login"] = (302, GOOD, "")
    site.pages["/lab/hub/oauth_login?next=%2F&x=1"] = (302, GOOD, "")
    site.pages["/lab/hub/login"] = (302, "/lab/hub/oauth_login", "")
    assert check_door(Visit(f"{site.url}/lab/"), REALM) == "collegium"
    button = "<a role='button' href='/lab/hub/oauth_login?next=%2F&amp;x=1'>Sign in with Keycloak</a>"
    site.pages["/lab/hub/login"] = (200, "", button)
    assert check_door(Visit(f"{site.url}/lab/"), REALM) == "collegium"


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ((200, "", "<form>password</form>"), "hub/login was answered by 200 and leads nowhere else"),
        ((503, "", "Keycloak cannot be reached"), "answered by 503.*Keycloak cannot be reached"),
        (
            (302, "https://login.example/realms/other/auth?x", ""),
            "leads to https://login.example/realms/other/auth, not",
        ),
        ((302, THERE + "?client_id=c&state=s", ""), "without a proof key"),
        ((302, THERE + "?client_id=c&code_challenge_method=S256", ""), "or without a state"),
        ((302, "/hub/login", ""), "leads in circles"),
    ],
)
def test_a_door_that_leads_elsewhere(site: Site, page: tuple[int, str, str], words: str) -> None:
    site.pages["/hub/login"] = page
    with pytest.raises(Failure, match=words):
        check_door(Visit(site.url), REALM)


def test_a_realm_is_known_by_its_own_word(site: Site) -> None:
    issuer = f"{site.url}/realms/lab"
    path = "/realms/lab/.well-known/openid-configuration"
    site.pages[path] = (200, "", json.dumps({"issuer": issuer, **REALM}))
    assert discover(f"{issuer}/")["authorization_endpoint"] == THERE
    for page, words in (
        (
            (200, "", json.dumps({"issuer": "https://login.example/realms/lab"})),
            "says that its issuer is https://login",
        ),
        ((200, "", "<html>"), "does not answer as a realm does"),
        ((200, "", "[]"), "says that its issuer is None"),
        ((404, "", ""), "answered by 404; is there such a realm"),
    ):
        site.pages[path] = page
        with pytest.raises(Failure, match=words):
            discover(issuer)


def test_a_realm_that_cannot_be_reached_or_trusted(site: Site, tmp_path) -> None:
    with pytest.raises(Failure, match="no answer"):
        discover("http://127.0.0.1:1/realms/lab")
    with pytest.raises(Failure, match="no answer"):
        discover(site.url.replace("http:", "https:") + "/realms/lab")
    with pytest.raises(Failure, match="no answer"):
        discover("https://127.0.0.1:1/realms/lab", str(tmp_path / "no-such-file"))
