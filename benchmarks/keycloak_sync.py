"""Group sync of a large realm: ``python -m benchmarks.keycloak_sync [--groups N] [--people N] [--watched N]``.

A real Keycloak holds the groups (every tenth with three subgroups for roles) and people, each in 2 to 5 groups; all of
them have been here, so all are compared. Three things are measured, each in a process of its own that has just started,
in turns with its peer:

- the whole walk: every group, every group's members, everybody compared with the database. Peer: bare requests with
  httpx, the fewest that see the same (one list of groups, one list of members per group), four at once as we do, and
  one after the other;
- the first walk of an installation, which makes every group (``groups.create``);
- a round: everybody who is about, asked for by the sync account. Peer: the same two requests per person, bare.

At last, rounds while a walk runs. Groups and people are imported and known before the clock runs. Defaults are the
sizes of the record: 8 minutes, 12 on a busy machine; ``--groups 200 --people 500 --watched 40`` takes 2.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.keycloak_realm import Keycloak, Person, fill, running_keycloak
from benchmarks.report import percentile, ratio, table
from benchmarks.running import environment, folder
from collegium.db import Database
from collegium.db.engine import now
from collegium.domain.identity import Claims
from collegium.identity.accept import accept
from collegium.identity.settings import KeycloakSettings
from collegium.settings import Settings

MIB = 1024 * 1024
Result = dict[str, float]


class Site:
    """The realm, a database of ours, and processes that look at both."""

    def __init__(self, place: Path, realm: Keycloak) -> None:
        self.realm = realm
        self.state = Settings.at(place / "state")
        self.state.prepare()
        # A patient account: what is measured is how long it takes, not whether somebody gave up.
        self.keycloak = {**realm.settings(), "groups": {"create": True}, "patience": 60}
        self._variables = environment(place) | self.state.environment()

    def run(self, who: str, do: str, **task: Any) -> list[Result]:
        """One process and its results."""
        realm, settings = self.realm, KeycloakSettings.from_mapping(self.keycloak)
        asked = {
            "who": who,
            "do": do,
            "rounds": 1,
            "watched": [],
            "keycloak": self.keycloak,
            "keycloak_pids": realm.instance.processes(),
            "admin_url": settings.admin_url,
            "token_url": f"{realm.issuer}/protocol/openid-connect/token",
            "client_id": "collegium-sync",
            "secret": realm.secret("collegium-sync"),
            **task,
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.keycloak_walk"],
            input=json.dumps(asked),
            stdout=subprocess.PIPE,
            text=True,
            env=self._variables,
            cwd=Path(__file__).parents[1],
            check=True,
        )
        results: list[Result] = json.loads(done.stdout)
        return results

    def log_in(self, people: Sequence[Person]) -> float:
        """Everybody was here once; seconds of one such visit."""
        settings = KeycloakSettings.from_mapping(self.keycloak)
        database = Database.open(self.state)
        began = time.perf_counter()
        for start in range(0, len(people), 100):
            with database.write() as uow:
                for p in people[start : start + 100]:
                    claims = Claims(p.subject, p.name, frozenset(p.paths), p.name.title(), platform_admin=False)
                    accept(uow, settings, claims, now())
        taken = (time.perf_counter() - began) / len(people)
        database.close()
        return taken


def median(results: Sequence[Result], name: str) -> float:
    return percentile([r[name] for r in results], 0.5)


def row(name: str, results: Sequence[Result], peer: Sequence[Result]) -> tuple[str, ...]:
    def against(what: str) -> str:
        return "–" if results is peer else ratio(median(results, what), median(peer, what))

    return (
        name,
        f"{median(results, 'requests'):,.0f}",
        f"{median(results, 'seconds'):.2f} s",
        against("seconds"),
        f"{median(results, 'cpu'):.2f} s",
        f"{median(results, 'keycloak'):.2f} s",
        f"{median(results, 'grown') / MIB:.0f} MiB",
        f"{median(results, 'peak') / MIB:.0f} MiB",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=2000)
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--watched", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with folder() as place, running_keycloak(place / "keycloak") as realm:
        _say(f"importing {given.groups:,} groups and {given.people:,} people")
        people = fill(realm, given.groups, given.people)
        all_groups = realm.call("GET", "/groups/count").json()["count"]
        site = Site(place, realm)
        _say("first walk")
        # Keycloak compiles what it does often.
        site.run("bare", "walk", at_once=4)
        first = site.run("ours", "walk")
        _say("everybody visits")
        visit = site.log_in(people)
        _say(f"{visit * 1000:.1f} ms per visit; walks")
        walks: dict[str, list[Result]] = {"ours": [], "four": [], "one": []}
        for _ in range(given.runs):
            walks["ours"] += site.run("ours", "walk")
            walks["four"] += site.run("bare", "walk", at_once=4)
        walks["one"] += site.run("bare", "walk", at_once=1)
        _say("rounds")
        watched = people[: given.watched]
        rounds: dict[str, list[Result]] = {"first": [], "later": [], "bare": []}
        for _ in range(given.runs):
            one, *later = site.run("ours", "round", rounds=4, watched=[p.name for p in watched])
            rounds["first"].append(one)
            rounds["later"] += later
            rounds["bare"] += site.run("bare", "round", rounds=4, subjects=[p.subject for p in watched])
        beside = [r["seconds"] for r in site.run("ours", "both", watched=[p.name for p in watched])]
    packages = ["httpx", "python-keycloak", "sqlalchemy"]
    head = ("", "requests", "time", "to bare", "its processor", "Keycloak's", "memory grows by", "peak memory")
    title = f"{given.groups:,} groups ({all_groups:,} with those for roles), {given.people:,} people"
    rows = [
        row("bare requests, 4 at once", walks["four"], walks["four"]),
        row("bare requests, one by one", walks["one"], walks["four"]),
        row("ours, everybody known", walks["ours"], walks["four"]),
        row("ours, the first one, makes all groups", first, walks["four"]),
    ]
    table(f"Whole walk: {title}", [head, *rows], packages)
    rows = [
        row("bare requests, 8 at once", rounds["bare"], rounds["bare"]),
        row("ours, after a restart", rounds["first"], rounds["bare"]),
        row("ours, nothing changed", rounds["later"], rounds["bare"]),
    ]
    table(f"A round: {given.watched:,} people who are about", [head, *rows], packages)
    half, most = percentile(beside, 0.5), max(beside)
    print(f"\nWhile a walk runs, a round takes {half:.2f} s, at most {most:.2f} s ({len(beside)} rounds).")
    print(f"To take over one person's claims takes {visit * 1000:.1f} ms in a database of {given.groups:,} groups.")


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} load {os.getloadavg()[0]:.1f}: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
