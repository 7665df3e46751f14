"""A login at the real hub that begins at one process of the service and ends at another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from support.installation import Installation, free_port, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("login"))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def replica(hub: Installation) -> Iterator[str]:
    """The address of a second process, role ``api``, with the first one's identity at the hub."""
    [pid] = hub.processes("collegium.services")
    pairs = (item.partition("=") for item in Path(f"/proc/{pid}/environ").read_text().split("\0") if item)
    url = f"http://127.0.0.1:{free_port()}"
    environment = {name: value for name, _, value in pairs} | {"JUPYTERHUB_SERVICE_URL": url}
    with hub.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "collegium.services", "--role=api"],
            cwd=hub.folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        until("the second process is ready", lambda: _ready(url), 60)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/services/collegium/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def test_it_ends_where_it_did_not_begin(hub: Installation, replica: str) -> None:
    with httpx.Client(timeout=30) as browser:
        page = browser.get(f"{hub.url}/hub/login", follow_redirects=True)
        form = {"username": "ann", "password": hub.password("ann"), "_xsrf": browser.cookies["_xsrf"]}
        assert browser.post(str(page.url), data=form).status_code == 302
        at, answer = f"{hub.url}/services/collegium/", browser.get(f"{hub.url}/services/collegium/")
        while urlsplit(at).path != "/services/collegium/oauth_callback":
            assert answer.status_code == 302, (at, answer.text)
            at = urljoin(at, answer.headers["Location"])
            if urlsplit(at).path != "/services/collegium/oauth_callback":
                answer = browser.get(at)
        # The next one in line answers.
        done = browser.get(f"{replica}{urlsplit(at).path}?{urlsplit(at).query}")
        assert (done.status_code, done.headers["Location"]) == (302, "/services/collegium/")
        for place in (hub.url, replica):
            home = browser.get(f"{place}/services/collegium/")
            assert home.status_code == 200 and "physics" in home.text
    assert "oauth state does not match" not in hub.log.read_text()
