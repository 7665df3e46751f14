"""A login through Keycloak: ``python -m benchmarks.keycloak_login [logins of each hub]``.

Two hubs run side by side: Collegium's with KeycloakAuthenticator, and a stock JupyterHub with GenericOAuthenticator.
Both use the same client of the same realm of the same Keycloak, with PKCE, groups from the claim, encrypted auth state,
and the settings of the hub that Collegium's ``install`` chooses. People log in as a browser does, in turns, each time
with an empty cookie jar: hub, Keycloak's form, password, callback, home page. Collegium's service and its sync run
meanwhile.

Prints whether the median of a login, up to where the hub sends the browser home, is at most 1.1 times the stock one's.
Processor time is the hub process's own, without proxy and service.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.cost import cost
from benchmarks.keycloak_realm import Keycloak, running_keycloak
from benchmarks.report import milliseconds, percentile, ratio, table
from benchmarks.running import environment, folder, free_port, installation, server
from support.keycloak_pages import browser, fill_login_form

MOST = 1.1
PEOPLE = 10
GROUPS = ("/physics/admins", "/chemistry", "/biology/viewers")
#: What a login is made of; the home page comes after it.
STEPS = ("hub: to Keycloak", "Keycloak: its form", "Keycloak: the password", "hub: the way back")
HOME = "hub: home page"
CATALOG = """
version: 1
instance_types:
  - {name: small, limits: {cpu: "1", memory: 1Gi}, everyone: true}
images:
  - {name: python, environment: hub, everyone: true}
groups: [{name: physics}, {name: chemistry}, {name: biology}]
"""


@dataclass
class Hub:
    """One of the two, and what its logins took: seconds by step, processor seconds of each login and page."""

    url: str
    pid: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu: list[float] = field(default_factory=list)
    home_cpu: list[float] = field(default_factory=list)


@contextmanager
def ours(place: Path, realm: Keycloak) -> Iterator[Hub]:
    extra = f"import json, os\nos.environ['COLLEGIUM_KEYCLOAK'] = {json.dumps(realm.settings())!r}"
    with installation(place, CATALOG, extra) as made:
        assert made.process is not None
        yield Hub(made.url, made.process.pid)


@contextmanager
def stock(place: Path, realm: Keycloak) -> Iterator[Hub]:
    place.mkdir()
    port, hub_port, proxy_port = free_port(), free_port(), free_port()
    url, connect = f"http://127.0.0.1:{port}", f"{realm.issuer}/protocol/openid-connect"
    (place / "jupyterhub_config.py").write_text(
        f"""
c = get_config()
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.redirect_to_server = False
c.JupyterHub.cookie_max_age_days = 1
c.JupyterHub.authenticator_class = "generic-oauth"
c.GenericOAuthenticator.client_id = "collegium"
c.GenericOAuthenticator.client_secret = open({str(realm.secret_file("collegium"))!r}).read().strip()
c.GenericOAuthenticator.oauth_callback_url = "{url}/hub/oauth_callback"
c.GenericOAuthenticator.authorize_url = "{connect}/auth"
c.GenericOAuthenticator.token_url = "{connect}/token"
c.GenericOAuthenticator.userdata_url = "{connect}/userinfo"
c.GenericOAuthenticator.scope = ["openid", "profile", "email"]
c.GenericOAuthenticator.username_claim = "preferred_username"
c.GenericOAuthenticator.enable_pkce = True
c.GenericOAuthenticator.manage_groups = True
c.GenericOAuthenticator.auth_state_groups_key = "oauth_user.groups"
c.GenericOAuthenticator.enable_auth_state = True
c.GenericOAuthenticator.refresh_pre_spawn = True
c.GenericOAuthenticator.auth_refresh_strict = True
c.GenericOAuthenticator.allow_all = True
"""
    )
    variables = environment(place) | {"JUPYTERHUB_CRYPT_KEY": secrets.token_hex(32)}
    with server([sys.executable, "-m", "jupyterhub"], place, variables, f"{url}/hub/api/") as pid:
        yield Hub(url, pid)


def let_in(realm: Keycloak, hubs: list[Hub]) -> list[str]:
    """Both hubs are the same client of the realm; returns who may log in."""
    realm.use_hub(hubs[0].url)
    model = realm.client()
    callbacks = [f"{hub.url}/hub/oauth_callback" for hub in hubs]
    realm.call("PUT", f"/clients/{model['id']}", model | {"redirectUris": callbacks})
    people = [f"person{number}" for number in range(PEOPLE)]
    for name in people:
        realm.create_user(name, *GROUPS)
    return people


def login(hub: Hub, realm: Keycloak, name: str, keep: bool) -> None:
    """One login with a new browser, and the home page that it ends at."""
    taken: dict[str, float] = {}
    used = cost(hub.pid).cpu
    with browser() as client:
        moment = time.perf_counter()

        def lap(step: str) -> None:
            nonlocal moment
            taken[step], moment = time.perf_counter() - moment, time.perf_counter()

        sent = client.get(f"{hub.url}/hub/oauth_login?next=/hub/home", follow_redirects=False)
        lap(STEPS[0])
        form = client.get(_target(sent))
        lap(STEPS[1])
        back = fill_login_form(client, form, name, realm.password(name), follow=False)
        lap(STEPS[2])
        landed = client.get(_target(back), follow_redirects=False)
        lap(STEPS[3])
        used, before = cost(hub.pid).cpu, used
        moment = time.perf_counter()
        home = client.get(landed.url.join(_target(landed)), follow_redirects=False)
        lap(HOME)
    if home.status_code != 200 or home.url.path != "/hub/home" or name not in home.text:
        raise RuntimeError(f"the login ended at {home.url} with {home.status_code}: {home.text[:2000]}")
    if keep:
        for step, seconds in taken.items():
            hub.seconds[step].append(seconds)
        hub.seconds["login"].append(sum(taken[step] for step in STEPS))
        hub.seconds["with page"].append(sum(taken.values()))
        hub.cpu.append(used - before)
        hub.home_cpu.append(cost(hub.pid).cpu - used)


def _target(answer: httpx.Response) -> str:
    if answer.status_code != 302:
        raise RuntimeError(f"{answer.url} answered {answer.status_code}: {answer.text[:2000]}")
    return answer.headers["location"]


def play(hubs: list[Hub], realm: Keycloak, people: list[str], count: int) -> None:
    # First logins make users and groups, and warm Keycloak up; they are not counted.
    for number in range(-PEOPLE, count):
        # Whoever goes first goes second the next time.
        for i in (0, 1) if number % 2 else (1, 0):
            login(hubs[i], realm, people[number % PEOPLE], keep=number >= 0)


def main(count: int) -> None:
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        realm = stack.enter_context(running_keycloak(place / "keycloak"))
        mine = stack.enter_context(ours(place / "ours", realm))
        theirs = stack.enter_context(stock(place / "stock", realm))
        play([mine, theirs], realm, let_in(realm, [mine, theirs]), count)
    head = ("", "Collegium p50", "stock p50", "ratio", "ratio of p10", "ratio of p95")
    rows: list[tuple[str, ...]] = [head]
    for name, key in (
        ("login, until sent home", "login"),
        ("login and home page", "with page"),
        *((step, step) for step in (*STEPS, HOME)),
    ):
        a, b = ([percentile(hub.seconds[key], share) for share in (0.5, 0.1, 0.95)] for hub in (mine, theirs))
        ratios = [ratio(one, other) for one, other in zip(a, b, strict=True)]
        rows.append((name, milliseconds(a[0]), milliseconds(b[0]), *ratios))
    title = f"Login through Keycloak, {count} of each hub, in turns"
    table(title, rows, ["jupyterhub", "oauthenticator"])
    used = [("processor of the hub, mean", "Collegium", "stock", "ratio")]
    for name, one, other in (("login", mine.cpu, theirs.cpu), ("home page", mine.home_cpu, theirs.home_cpu)):
        each = sum(one) / count, sum(other) / count
        used.append((name, milliseconds(each[0]), milliseconds(each[1]), ratio(*each)))
    table("What a login costs the hub", used)
    share = percentile(mine.seconds["login"], 0.5) / percentile(theirs.seconds["login"], 0.5)
    print(f"\nMedian login {share:.2f}×; at most {MOST}×: {'yes' if share <= MOST else 'no'}.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
