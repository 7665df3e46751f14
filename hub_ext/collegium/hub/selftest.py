"""``python -m collegium.hub.selftest``: does an installation work, as a user has it through the proxy?

Logs in with a password, starts a server and a job in a group, reads the job's log, and clears up. Where people log in
at Keycloak there is no password to use: it sees that a login leads there, and does the rest only with a token that is
given. ``helm test`` runs it. Standard library only, and nothing of Collegium: what is tested is the other end.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collegium.hub.realm import check_door, discover
from collegium.hub.visit import Failure, Visit

MARK = "collegium-selftest-says-hello"
#: Seconds between two looks.
PAUSE = 1.0
_OVER = ("Succeeded", "Failed", "Cancelled")


@dataclass
class Choice:
    """In which group, with which image and size."""

    group: str = ""
    image: str = ""
    instance_type: str = ""


class SelfTest:
    """The steps, in order; each raises Failure with what to look at."""

    def __init__(self, visit: Visit, choice: Choice, timeout: float, say: Callable[[str], None]) -> None:
        self.visit, self.choice, self.timeout, self.say = visit, choice, timeout, say
        self._clean: list[tuple[str, Callable[[], object]]] = []

    def run(self, password: str) -> None:
        """All steps, then the clearing up, also after a failure."""
        self._clearing(self.strangers, lambda: self.login(password), self.choose, self.server, self.job)

    def run_keycloak(self, issuer: str, ca_file: str, token: str) -> None:
        """As ``run``, where people log in at a realm; server and job only if there is a token."""
        self._clearing(self.parts, self.strangers, lambda: self.realm(issuer, ca_file))
        if not token:
            self.say("no token was given, so no server and no job were tried")
            return
        self._clearing(lambda: self.known(token), self.choose, self.server, self.job)

    def _clearing(self, *steps: Callable[[], None]) -> None:
        try:
            for step in steps:
                step()
        finally:
            for what, clean in reversed(self._clean):
                self._tidy(what, clean)

    def strangers(self) -> None:
        """Without a login nothing is told."""
        status, _ = self.visit.request("GET", "services/collegium/api/v1/context", token="")
        if status != 401:
            raise Failure(f"without a token the API answered {status}, not 401")
        self.say("strangers are told nothing")

    def login(self, password: str) -> None:
        """Log in through the page and make a token that lasts no longer than this test."""
        self.visit.login(password)
        token = self.visit.make_token("self-test", int(6 * self.timeout))
        path = f"hub/api/users/{self.visit.user}/tokens/{token}"
        self._clean.append(("the token is revoked", lambda: self.visit.ask("DELETE", path)))
        self.say(f"{self.visit.user} has logged in")

    def parts(self) -> None:
        """Hub and service answer."""
        for name, path in (("hub", "hub/health"), ("service", "services/collegium/health/ready")):
            self._well(name, path)
        self.say("hub and service are well")

    def realm(self, issuer: str, ca_file: str) -> None:
        """Keycloak answers, and a login leads to it."""
        found = discover(issuer, ca_file)
        self.say(f"{issuer} answers")
        client = check_door(self.visit, found)
        self.say(f"a login leads there, for its client {client}")

    def known(self, token: str) -> None:
        """The token that was given is somebody's."""
        self.visit.use_token(token)
        self.say(f"the token is {self.visit.user}'s")

    def choose(self) -> None:
        """Fill in what was left open."""
        choice = self.choice
        context = self.visit.ask("GET", "services/collegium/api/v1/context")
        may = [g["name"] for g in context["groups"] if g["role"] in ("member", "maintainer", "admin")]
        choice.group = choice.group or next(iter(may), "")
        if choice.group not in may:
            raise Failure(f"{self.visit.user} may start nothing in {choice.group or 'any group'}; groups: {may}")
        catalog = self.visit.ask("GET", f"services/collegium/api/v1/groups/{choice.group}/catalog")
        sizes = [t["name"] for t in catalog["instance_types"] if t["fits"] == "now"]
        images = [i["name"] for i in catalog["images"]]
        choice.instance_type = choice.instance_type or next(iter(sizes), "")
        choice.image = choice.image or next(iter(images), "")
        if choice.image not in images or choice.instance_type not in sizes:
            raise Failure(f"group {choice.group} has images {images} and room for instance types {sizes}")
        self.say(f"in group {choice.group}: image {choice.image}, instance type {choice.instance_type}")

    def server(self) -> None:
        """Start a server, unless the user has one in this group, and talk to it."""
        user, choice = self.visit.user, self.choice
        path = f"hub/api/users/{user}/servers/{choice.group}"
        if choice.group in self.visit.ask("GET", f"hub/api/users/{user}").get("servers", {}):
            self.say(f"{user} has a server in {choice.group}; it is left as it is")
            return
        wanted = {"group": choice.group, "image": choice.image, "instance_type": choice.instance_type}
        self._clean.append(("the server is stopped", lambda: self._stop(path)))
        self.visit.ask("POST", path, wanted)
        self._until("the server is ready", lambda: self._ready(user))
        status, body = self.visit.request("GET", f"user/{user}/{choice.group}/api/status")
        if status != 200:
            raise Failure(f"the server answered {status}: {body[:300]!r}")
        self.say("a server has started and answers")

    def job(self) -> None:
        """Run a job and read what it said."""
        choice, place = self.choice, f"services/collegium/api/v1/groups/{self.choice.group}/jobs"
        wanted = {"name": "Self-test", "image": choice.image, "instance_type": choice.instance_type}
        job = self.visit.ask("POST", place, {**wanted, "command": f"echo {MARK}"})["id"]
        self._clean.append(("the job is over", lambda: self._end(f"{place}/{job}")))
        found = self._until("the job is over", lambda: self._over(f"{place}/{job}"))
        if found["state"] != "Succeeded":
            raise Failure(f"the job ended as {found['state']}, {found['reason']}: {found['message']}")
        # Its last lines may take a moment more.
        self._until("the job's log has what it said", lambda: self._said(f"{place}/{job}/logs"))
        self.say("a job has run, and its log is there")

    def _well(self, name: str, path: str) -> None:
        status, body = 0, b""

        def answers() -> bool:
            nonlocal status, body
            status, body = self.visit.request("GET", path, token="")
            return status == 200

        try:
            self._until(f"the {name} is well", answers)
        except Failure as error:
            raise Failure(f"{error}; {path} was answered by {status}: {body[:300]!r}") from None

    def _ready(self, user: str) -> bool:
        servers = self.visit.ask("GET", f"hub/api/users/{user}").get("servers", {})
        if self.choice.group not in servers:
            raise Failure(f"the server in {self.choice.group} was not started; the hub's log says why")
        return bool(servers[self.choice.group]["ready"])

    def _over(self, path: str) -> dict[str, Any] | None:
        found = dict(self.visit.ask("GET", path))
        return found if found["state"] in _OVER else None

    def _said(self, path: str) -> bool:
        return MARK.encode() in self.visit.request("GET", path)[1]

    def _stop(self, path: str) -> None:
        user = path.split("/")[3]
        self.visit.request("DELETE", path)
        self._until(
            "the server has stopped",
            lambda: self.choice.group not in self.visit.ask("GET", f"hub/api/users/{user}").get("servers", {}),
        )
        self.visit.request("DELETE", path, {"remove": True})

    def _end(self, path: str) -> None:
        if self._over(path) is None:
            self.visit.ask("POST", f"{path}/cancel", {})

    def _until(self, what: str, check: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + self.timeout
        while True:
            if found := check():
                return found
            if time.monotonic() > deadline:
                raise Failure(f"not within {self.timeout:.0f} seconds: {what}")
            time.sleep(PAUSE)

    def _tidy(self, what: str, clean: Callable[[], object]) -> None:
        try:
            clean()
        except Failure as error:
            self.say(f"not cleared up ({what}): {error}")


def main(arguments: list[str] | None = None) -> int:
    """0 if all is well, 1 with the reason otherwise."""
    parser = argparse.ArgumentParser(prog="python -m collegium.hub.selftest", description=__doc__)
    parser.add_argument("--url", required=True, help="where the hub is served, with its base URL")
    parser.add_argument("--user", default="", help="who logs in by the password in --password-file")
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--issuer", default="", help="URL of the realm at which people log in, instead of a password")
    parser.add_argument("--ca-file", default="", help="certificate authority of Keycloak's certificate")
    parser.add_argument("--token-file", type=Path, help="with --issuer: an API token of a user, for server and job")
    parser.add_argument("--group", default="", help="default: the first in which the user may start something")
    parser.add_argument("--image", default="", help="default: the group's first")
    parser.add_argument("--instance-type", default="", help="default: the first that fits")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds that each step may take")
    options = parser.parse_args(arguments)
    if not options.issuer and not (options.user and options.password_file):
        parser.error("--user and --password-file are needed, or --issuer")
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {line}", flush=True)

    choice = Choice(options.group, options.image, options.instance_type)
    try:
        test = SelfTest(Visit(options.url, options.user), choice, options.timeout, say)
        if options.issuer:
            token = options.token_file.read_text().strip() if options.token_file else ""
            test.run_keycloak(options.issuer, options.ca_file, token)
        else:
            test.run(options.password_file.read_text().rstrip("\r\n"))
    except (Failure, OSError, KeyError, json.JSONDecodeError, urllib.error.URLError) as error:
        say(f"FAILED: {error}")
        return 1
    say("all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
