"""The portal and the pages of invitations: what they hold, what they may load, and what never reaches a server."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from collegium.domain.errors import Unavailable
from collegium.services.pages import portal
from collegium.services.pages.bundle import BundleSource
from integration.services.harness import PREFIX, Service

BROWSER = {"Accept": "text/html"}


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built bundle, as small as can be."""
    (tmp_path / "portal-ABC.js").write_text("alert(1)")
    (tmp_path / "portal-DEF.css").write_text("p{}")
    (tmp_path / "manifest.json").write_text(json.dumps({"script": "portal-ABC.js", "style": "portal-DEF.css"}))
    (tmp_path / "secret.txt").write_text("not named by the manifest")
    monkeypatch.setattr(portal, "_bundle", BundleSource(tmp_path))
    return tmp_path


def known(page: str) -> dict[str, str]:
    """What the page hands its script."""
    found = re.search(r'<script id="jupyter-config-data" type="application/json">(.*?)</script>', page)
    assert found, page
    return dict(json.loads(found[1]))


@pytest.mark.usefixtures("bundle")
async def test_the_portal_holds_the_visitor_s_token_and_is_kept_nowhere(service: Service) -> None:
    answer = await service.client("mia").get(f"{service.url}{PREFIX}portal", headers=BROWSER)
    assert answer.status_code == 200
    assert known(answer.text) == {"hubPrefix": "/hub/", "hubUser": "mia", "token": "mia", "collegiumPage": "portal"}
    assert answer.headers["Cache-Control"] == "no-store"
    policy = answer.headers["Content-Security-Policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
        assert rule in policy
    assert "unsafe" not in policy
    # Data is no script: nothing in the page runs but what the policy lets in.
    assert re.findall(r"<script(?! id=\"jupyter-config-data\")[^>]*>", answer.text) == [
        f'<script src="{PREFIX}bundle/portal-ABC.js" defer>'
    ]


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("page", ["portal", "invitation/accept"])
async def test_who_is_not_logged_in_is_sent_to_the_hub(service: Service, page: str) -> None:
    answer = await service.client(None).get(f"{service.url}{PREFIX}{page}", headers=BROWSER)
    assert answer.status_code == 302
    assert "/hub/api/oauth2/authorize" in answer.headers["Location"]


@pytest.mark.usefixtures("bundle")
async def test_an_invitation_s_page_knows_nobody(service: Service) -> None:
    for client in (service.client(None), service.client("mia")):
        answer = await client.get(f"{service.url}{PREFIX}invitation", headers=BROWSER)
        assert answer.status_code == 200
        assert known(answer.text) == {"hubPrefix": "/hub/", "hubUser": "", "token": "", "collegiumPage": "invitation"}


@pytest.mark.usefixtures("bundle")
async def test_only_what_the_manifest_names_is_served_and_may_be_kept(service: Service) -> None:
    client, root = service.client(None), f"{service.url}{PREFIX}bundle/"
    script, style = await client.get(root + "portal-ABC.js"), await client.get(root + "portal-DEF.css")
    assert (script.text, script.headers["Content-Type"]) == ("alert(1)", "text/javascript; charset=UTF-8")
    assert (style.text, style.headers["Content-Type"]) == ("p{}", "text/css; charset=UTF-8")
    assert "immutable" in script.headers["Cache-Control"]
    for name in ("secret.txt", "manifest.json", "portal-OLD.js", "..%2Fportal.py", "%2Fetc%2Fpasswd"):
        answer = await client.get(root + name)
        assert answer.status_code == 404, name
        assert "immutable" not in answer.headers["Cache-Control"]


async def test_without_a_build_the_page_says_how_to_build(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal, "_bundle", BundleSource(tmp_path / "nothing"))
    for page in ("portal", "invitation"):
        answer = await service.client("mia").get(f"{service.url}{PREFIX}{page}", headers=BROWSER)
        assert answer.status_code == 503
        assert "jlpm build:portal" in answer.text


def test_a_build_is_found_without_a_restart_and_half_of_one_is_none(bundle: Path) -> None:
    source, manifest = BundleSource(bundle), (bundle / "manifest.json").read_text()
    (bundle / "manifest.json").write_text('{"script": "portal-GONE.js", "style": "portal-DEF.css"}')
    with pytest.raises(Unavailable):
        source.get()
    (bundle / "manifest.json").write_text(manifest)
    assert source.get().script == "portal-ABC.js"


def test_no_name_can_end_the_element_that_it_stands_in() -> None:
    text = portal._as_data({"hubUser": "</script><script>alert('&amp;')//"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"hubUser": "</script><script>alert('&amp;')//"}


async def test_the_landing_page_has_the_menu(service: Service) -> None:
    answer = await service.client("mia").get(f"{service.url}{PREFIX}", headers=BROWSER)
    assert answer.status_code == 200
    assert f'<a href="{PREFIX}portal">Collegium portal</a>' in answer.text
    assert '<a href="/hub/logout">Log out</a>' in answer.text
    # Without Keycloak there is neither.
    assert "Change password" not in answer.text
    assert "Your profile" not in answer.text
    assert "physics · member" in answer.text
