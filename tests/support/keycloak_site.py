"""A whole installation whose people log in at a real Keycloak; these with cookies, tokens and open streams."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import yaml

from collegium.hub.configuration import KEYCLOAK_DEMO_CATALOG
from support.hub import spawn_action
from support.installation import Installation, until
from support.keycloak import Keycloak, browser, login_form
from support.mail import MailSink
from support.rest import Answer, ask, follow

SERVICE = "/services/collegium"
#: Seconds from the notice of a lost right to the end of what runs; long enough to change one's mind in between.
GRACE = 20
#: Groups beside the demo's, each for the tests that change it.
MORE_GROUPS = ("astro", "botany", "crystals", "geology", "metals", "optics", "bio-chem", "a-b", "dunes", "elms")
_EXTRA = """import json, os
from pathlib import Path
os.environ["COLLEGIUM_KEYCLOAK"] = json.dumps({keycloak!r})
os.environ["COLLEGIUM_MAIL"] = json.dumps({mail!r})
# A start that lasts is answered before it is over.
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 1}}

async def held(spawner):
    import asyncio
    # A test may keep a start from going on.
    while Path({held!r}, spawner.user.name).exists():
        await asyncio.sleep(0.1)

c.Spawner.pre_spawn_hook = held
"""
_AFTER = """for service in c.JupyterHub.services:
    if service["name"] == "collegium":
        service["command"].append("--CollegiumService.revocation_grace={grace}")
"""
#: A job that writes a line a second until somebody ends it.
TALKS = "i=0; while true; do i=$((i+1)); echo line $i; sleep 1; done"


def site_catalog(folder: Path) -> Path:
    """The demo's catalog with room for all tests, invitations in physics, and more groups."""
    catalog: dict[str, Any] = yaml.safe_load(KEYCLOAK_DEMO_CATALOG.read_text())
    for group in catalog["groups"]:
        group.pop("limits")
        group.pop("member_limits", None)
        group["invitations"] = group["name"] == "physics"
    catalog["groups"] += [{"name": name, "display_name": name.title()} for name in MORE_GROUPS]
    path = folder / "catalog.yaml"
    path.write_text(yaml.safe_dump(catalog, sort_keys=False))
    return path


def options(group: str) -> dict[str, str]:
    """What a server is started with."""
    return {"group": group, "instance_type": "small", "image": "scientific-python"}


class Reader(threading.Thread):
    """Reads an event stream to its end in the background."""

    def __init__(self, hub: Installation, path: str, token: str) -> None:
        super().__init__(daemon=True)
        self.events = 0
        self.ended_at: float | None = None
        self.status = 0
        self._hub, self._path, self._token = hub, path, token

    def run(self) -> None:
        """The thread's work."""
        try:
            with follow(self._hub, self._path, self._token) as stream:
                self.status = stream.status
                for _ in stream:
                    self.events += 1
        except OSError:
            # Broken off instead of ended; it is over all the same.
            pass
        self.ended_at = time.monotonic()

    def begun(self, first: bool = True) -> Reader:
        """Start, and wait for the first event, or for the answer alone."""
        self.start()
        until("the stream", lambda: (self.events if first else self.status) or self.ended_at)
        assert self.ended_at is None, f"the stream ended at once, status {self.status}"
        return self

    @property
    def over(self) -> bool:
        """Has the server ended it?"""
        return self.ended_at is not None


@dataclass
class Person:
    """Somebody who is logged in: ``client`` is their browser, ``token`` one that they made for their programs."""

    site: KeycloakSite
    name: str
    client: httpx.Client
    token: str = ""

    # With the cookie

    def page(self, path: str) -> httpx.Response:
        """A page of the hub or the service as the browser gets it, without following redirects."""
        return self.client.get(f"{self.site.hub.url}{path}", follow_redirects=False)

    def cookie(self, path: str) -> int:
        """The status of a read from the API with the service's login cookie."""
        return self.client.get(self.site.hub.api + path, follow_redirects=False).status_code

    def open_service(self) -> httpx.Response:
        """The service's page, by way of the hub's OAuth where a login is due."""
        return self.client.get(f"{self.site.hub.url}{SERVICE}/", follow_redirects=True)

    @property
    def logged_in(self) -> bool:
        """Does the hub's own cookie still count?"""
        return self.page("/hub/home").status_code == 200

    @property
    def cards(self) -> list[str]:
        """The groups on the hub's home page."""
        page = self.page("/hub/home")
        assert page.status_code == 200, page
        return re.findall(r'class="card h-100 home-server-row" data-server-name="([^"]+)"', page.text)

    @property
    def xsrf(self) -> dict[str, str]:
        """What the hub wants beside its cookie from whoever changes something."""
        (value,) = (c.value for c in self.client.cookies.jar if c.name == "_xsrf" and c.path == "/hub/")
        return {"X-XSRFToken": value or ""}

    def make_token(self) -> str:
        """A token by the hub's token API, as its token page asks for one."""
        url = f"{self.site.hub.url}/hub/api/users/{self.name}/tokens"
        answer = self.client.post(url, json={"note": "programs"}, headers=self.xsrf)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def page_token(self, group: str) -> str:
        """The token of one's JupyterLab page, which the sidebar sends."""
        page = self.client.get(f"{self.site.hub.url}/user/{self.name}/{group}/lab", follow_redirects=True)
        found = re.search(r'"token":\s*"([^"]+)"', page.text)
        assert found, page.text[:2000]
        return found[1]

    # With the token

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request to the API."""
        return ask(self.site.hub, method, path, self.token, body)

    def status(self, path: str) -> int:
        """The status of a read."""
        return self.ask("GET", path).status

    @property
    def roles(self) -> dict[str, str]:
        """Group → role as the API says them."""
        answer = self.ask("GET", "/context")
        assert answer.status == 200, answer
        return {g["name"]: g["role"] for g in answer.json["groups"]}

    def submit(self, group: str, command: str = TALKS) -> str:
        """A job's id."""
        answer = self.try_submit(group, command)
        assert answer.status == 201, answer
        return str(answer.json["id"])

    def try_submit(self, group: str, command: str = "true") -> Answer:
        """Submit a job."""
        body = {"name": "talks", "image": "scientific-python", "instance_type": "small", "command": command}
        return self.ask("POST", f"/groups/{group}/jobs", body)

    def job_state(self, group: str, job: str) -> str:
        """As the API says it."""
        answer = self.ask("GET", f"/groups/{group}/jobs/{job}")
        assert answer.status == 200, answer
        return str(answer.json["state"])

    def read_log(self, group: str, job: str, token: str = "") -> Reader:
        """Follow the log of a job that talks."""
        until("the job runs", lambda: self.job_state(group, job) == "Running")
        return Reader(self.site.hub, f"/groups/{group}/jobs/{job}/logs?follow=true", token or self.token).begun()

    # Servers

    def try_start(self, group: str) -> tuple[int, Any]:
        """Ask for a server with the token."""
        answer = self.site.ask_hub("POST", f"/users/{self.name}/servers/{group}", self.token, options(group))
        return answer.status, answer

    def fill_form(self, group: str, page: httpx.Response | None = None) -> httpx.Response:
        """Send the spawn form, as it was opened before if that is given; where one lands."""
        page = page or self.page(f"/hub/spawn/{self.name}/{group}")
        url = urljoin(self.site.hub.url, spawn_action(page.text))
        return self.client.post(url, data={**options(group), "_xsrf": self.xsrf["X-XSRFToken"]})

    def server(self, group: str) -> dict[str, Any]:
        """The hub's model of one's server, empty if there is none or if it does not run."""
        status, model = self.site.hub.as_admin("GET", f"/users/{self.name}")
        assert status == 200, model
        found: dict[str, Any] = model["servers"].get(group) or {}
        return found if found.get("ready") or found.get("pending") else {}

    def start_server(self, group: str) -> int:
        """Start it and wait until it is ready; its process. A hub that says that Keycloak is away is asked again."""
        answers: list[tuple[int, Any]] = []

        def asked() -> bool:
            answers.append(self.try_start(group))
            return answers[-1][0] != 503

        until(f"a start for {self.name} is not put off", asked)
        status, answer = answers[-1]
        assert status in (201, 202), answer
        until(f"{self.name}'s server is ready", lambda: self.server(group).get("ready"))
        return self.server_process(group)

    def server_process(self, group: str) -> int:
        """The process of one's server; 0 if there is none."""
        url = f"/user/{self.name}/{group}/"
        for pid in self.site.hub.processes("singleuser"):
            if self.site.environment_of(pid).get("JUPYTERHUB_SERVICE_PREFIX") == url:
                return pid
        return 0

    def server_answers(self, group: str) -> bool:
        """Does it answer its owner through the proxy?"""
        url = f"{self.site.hub.url}/user/{self.name}/{group}/api/status"
        return self.site.hub.request("GET", url, self.token)[0] == 200


@dataclass
class KeycloakSite:
    """``realm`` is this installation's own. ``times`` collects how long what took to take effect."""

    hub: Installation
    realm: Keycloak
    mail: MailSink
    held: Path
    times: dict[str, list[float]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _people: list[Person] = field(default_factory=list)

    def login(self, name: str, token: bool = True) -> Person:
        """Somebody of the realm logs in through Keycloak's page."""
        client = browser()
        landed = self.land(client, name)
        assert landed.status_code == 200 and landed.url.path == "/hub/home", f"{landed.url}\n{landed.text[:3000]}"
        person = Person(self, self.hub_name(client), client)
        self._people.append(person)
        if token:
            person.token = person.make_token()
        assert person.open_service().status_code == 200
        return person

    def land(self, client: httpx.Client, name: str, password: str = "") -> httpx.Response:
        """Where a login ends."""
        url = f"{self.hub.url}/hub/oauth_login?next=/hub/home"
        return login_form(client, url, name, password or self.realm.password(name))

    def hub_name(self, client: httpx.Client) -> str:
        """Who the hub says that one is."""
        found = re.search(r'"?user"?\s*:\s*"([^"]+)"', client.get(f"{self.hub.url}/hub/home").text)
        assert found
        return found[1]

    def newcomer(self, *groups: str, word: str = "new") -> Person:
        """Somebody new in these groups of the realm, logged in."""
        name = f"{word}{next(self._numbers)}"
        self.realm.create_user(name, *groups)
        return self.login(name)

    def ask_hub(self, method: str, path: str, token: str, body: Any = None) -> Answer:
        """One request to the hub's own API."""
        return ask(self.hub, method, f"//hub/api{path}", token, body)

    @contextmanager
    def holding(self, *people: Person) -> Iterator[None]:
        """Keep their starts from going on for the time of the block."""
        for person in people:
            (self.held / person.name).touch()
        try:
            yield
        finally:
            for person in people:
                (self.held / person.name).unlink()

    def timed(self, what: str, since: float, check: Callable[[], Any]) -> None:
        """Wait for a condition and remember how long it took."""
        until(what, check, pause=0.05)
        self.note(what, time.monotonic() - since)

    def note(self, what: str, seconds: float) -> None:
        """Remember a time."""
        self.times.setdefault(what, []).append(round(seconds, 2))

    @staticmethod
    def environment_of(pid: int) -> dict[str, str]:
        """A process's environment; empty if it is over."""
        try:
            text = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        except OSError:
            return {}
        return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)

    def audit(self, admin: Person, group: str = "", **wanted: str) -> list[dict[str, Any]]:
        """Lines of the audit log, newest first."""
        path = f"/groups/{group}/audit" if group else "/audit"
        answer = admin.ask("GET", f"{path}?limit=200")
        assert answer.status == 200, answer
        return [line for line in answer.json["items"] if wanted.items() <= line.items()]

    def report(self, admin: Person) -> dict[str, Any]:
        """What the last whole walk of the sync found."""
        answer = admin.ask("GET", "/identity")
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json["report"]
        return found

    def close(self) -> None:
        """Nothing stays behind."""
        for person in self._people:
            person.client.close()
        self.hub.stop()


@contextmanager
def keycloak_site(folder: Path, realm: Keycloak, mail: MailSink) -> Iterator[KeycloakSite]:
    """The installation over a realm of its own, for the time of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    held = folder / "held"
    held.mkdir()
    mailer = {"host": mail.host, "port": mail.port, "security": "none", "sender": "collegium@example.test"}
    settings = realm.settings()
    # The report of a walk is waited for; and a machine that is busy with tests is no Keycloak that is silent.
    settings["sync"]["walk_interval"] = 15
    settings["patience"] = 10
    extra = _EXTRA.format(keycloak=settings, mail=mailer, held=str(held))
    hub = Installation(folder, site_catalog(folder), extra, _AFTER.format(grace=GRACE))
    realm.use_hub(hub.url)
    realm.set_smtp(mail.port)
    for group in MORE_GROUPS:
        for below in ("admins", "maintainers", "viewers"):
            realm.create_group(f"/{group}/{below}")
    site = KeycloakSite(hub, realm, mail, held)
    try:
        hub.start()
        yield site
    finally:
        site.close()


def write_times(site: KeycloakSite, path: Path) -> str:
    """Keep the times in a file; a table of them for people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(site.times, indent=1, sort_keys=True))
    width = max((len(what) for what in site.times), default=0)
    rows = [
        f"{what:<{width}}  {min(times):6.2f} … {max(times):6.2f} s  ({len(times)})"
        for what, times in sorted(site.times.items())
    ]
    return "\n".join(rows)
