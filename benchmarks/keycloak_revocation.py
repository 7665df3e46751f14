"""From a lost membership to its effect: ``python -m benchmarks.keycloak_revocation [removals] [people]``.

A whole installation with a real Keycloak. Each person has a token for programs, a job that talks, and its log open. At
random moments Keycloak's administrator takes them out of the group and, when that has shown, puts them back. Measured
from the moment at which Keycloak has said that it is done: until the API first refuses the token, which is asked five
times a second, and until the server ends the stream.

The raw limit is the sync's interval. The peer is a bare loop that asks Keycloak for these people's groups as often,
does nothing with the answers, and notes when it sees the same removals. Sync, API and streams run as they are
shipped. Prints whether API calls end within 10 seconds and streams within 30.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from benchmarks.keycloak_realm import Keycloak, running_keycloak
from benchmarks.report import percentile, ratio, table
from benchmarks.running import folder, until
from collegium.identity.settings import KeycloakSettings
from collegium.services.controller.revocation import RevocationPolicy
from support import keycloak_site as sites
from support.keycloak_site import KeycloakSite, Person, keycloak_site
from support.mail import mail_sink

MOST_API, MOST_STREAM = 10.0, 30.0
GROUP, PATH = "physics", "/physics"
PAUSE = 0.2
API, STREAM, BACK, BARE = "API refuses", "stream ends", "API serves again", "bare loop sees it"
DONE = "Keycloak itself takes"


class Times:
    """Seconds by what, from all threads; and who is out of the group since when."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.out: dict[str, float] = {}
        self._lock = threading.Lock()

    def note(self, what: str, since: float, at: float | None = None) -> None:
        with self._lock:
            self.seconds[what].append((time.monotonic() if at is None else at) - since)

    def leave(self, subject: str) -> float:
        with self._lock:
            self.out[subject] = time.monotonic()
            return self.out[subject]

    def seen_out(self, subject: str) -> None:
        with self._lock:
            since = self.out.pop(subject, None)
            if since is not None:
                self.seconds[BARE].append(time.monotonic() - since)


@contextmanager
def bare_loop(realm: Keycloak, subjects: dict[str, str], interval: float, times: Times) -> Iterator[None]:
    """Ask for everybody's groups every ``interval`` seconds, beside the block."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(interval):
            for subject in subjects.values():
                groups = realm.call("GET", f"/users/{subject}/groups", briefRepresentation="true").json()
                if not any(g["path"] == PATH for g in groups):
                    times.seen_out(subject)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)


def remove(site: KeycloakSite, person: Person, subject: str, job: str, interval: float, times: Times) -> None:
    """Once out and in again."""
    group, asked = site.realm.group(PATH), f"/groups/{GROUP}/jobs?limit=1"
    reader = person.read_log(GROUP, job)
    time.sleep(random.random() * interval)
    begun = time.monotonic()
    site.realm.call("DELETE", f"/users/{subject}/groups/{group}")
    since = times.leave(subject)
    times.note(DONE, begun)
    until("the API refuses the token", lambda: person.status(asked) == 404, pause=PAUSE)
    times.note(API, since)
    until("the stream ends", lambda: reader.over, pause=PAUSE)
    times.note(STREAM, since, reader.ended_at)
    until("the bare loop has seen it", lambda: subject not in times.out, pause=PAUSE)
    since = time.monotonic()
    site.realm.call("PUT", f"/users/{subject}/groups/{group}")
    until("the API serves the token again", lambda: person.status(asked) == 200, pause=PAUSE)
    times.note(BACK, since)


def play(site: KeycloakSite, removals: int, people: int, interval: float) -> Times:
    times = Times()
    crowd = [site.newcomer(PATH) for _ in range(people)]
    subjects = {person.name: site.realm.user(person.name) for person in crowd}
    jobs = {person.name: person.submit(GROUP) for person in crowd}
    shares = [removals // people + (number < removals % people) for number in range(people)]

    def one(person: Person, share: int) -> None:
        for _ in range(share):
            remove(site, person, subjects[person.name], jobs[person.name], interval, times)

    with bare_loop(site.realm, subjects, interval, times), ThreadPoolExecutor(people) as pool:
        for done in [pool.submit(one, person, share) for person, share in zip(crowd, shares, strict=True)]:
            done.result()
    return times


def main(removals: int, people: int) -> None:
    # As shipped: a job outlives its owner's membership by a quarter of an hour, and nobody is out for that long.
    sites.GRACE = int(RevocationPolicy().grace.total_seconds())
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        realm = stack.enter_context(running_keycloak(place / "keycloak"))
        sync = KeycloakSettings.from_mapping(realm.settings()).sync
        assert sync is not None
        site = stack.enter_context(keycloak_site(place / "site", realm, stack.enter_context(mail_sink())))
        times = play(site, removals, people, sync.interval)
    rows: list[tuple[str, ...]] = [("", "p50", "p99", "slowest", "p50 to the bare loop", "p99 to the interval")]
    peer = times.seconds[BARE]
    for what in (DONE, BARE, API, STREAM, BACK):
        found = times.seconds[what]
        half, most = percentile(found, 0.5), percentile(found, 0.99)
        shares = (ratio(half, percentile(peer, 0.5)), ratio(most, sync.interval))
        rows.append((what, f"{half:.2f} s", f"{most:.2f} s", f"{max(found):.2f} s", *shares))
    title = f"{removals} removals from a group, {people} people, sync every {sync.interval:g} s"
    table(title, rows, ["jupyterhub", "tornado"])
    for what, limit in ((API, MOST_API), (STREAM, MOST_STREAM)):
        slowest = max(times.seconds[what])
        print(f"\n{what} within {slowest:.2f} s; at most {limit:.0f} s: {'yes' if slowest <= limit else 'no'}.")


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]]
    main(arguments[0] if arguments else 200, arguments[1] if len(arguments) > 1 else 20)
