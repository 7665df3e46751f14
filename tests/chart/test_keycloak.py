"""The chart with logins by Keycloak: what it refuses, what our code makes of it, and who gets to see which secret."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from collegium.catalog.loader import load_catalog
from collegium.domain.groups import Role
from collegium.identity.settings import VARIABLE, KeycloakSettings
from collegium.services.application import CollegiumService
from support.installation import ROOT
from support.release import CHART, VERSION, merged
from support.rendered import KEYCLOAK, KEYCLOAK_ALL, LEAST, Objects, helm, pod_specs, render, with_keycloak

PODS = ("hub", "proxy", "api", "controller", "selftest")
CONFIG = "/etc/collegium/config/keycloak.json"
SECRETS = Path("/etc/collegium/secrets")


ALL = {"auth": KEYCLOAK_ALL}


def spec(objects: Objects, name: str) -> dict[str, Any]:
    return dict(pod_specs(objects))[f"lab-{name}"]


def environment(objects: Objects, name: str) -> dict[str, Any]:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in spec(objects, name)["containers"][0].get("env", [])}


def files(objects: Objects, name: str) -> dict[str, tuple[str, str]]:
    """Every file that a pod has from elsewhere: its path, and the object and key that it is from."""
    found: dict[str, tuple[str, str]] = {}
    body = spec(objects, name)
    mounts = {m["name"]: m["mountPath"] for m in body["containers"][0]["volumeMounts"]}
    for volume in body["volumes"]:
        sources = volume.get("projected", {}).get("sources", [volume])
        for source in sources:
            for kind in ("secret", "configMap"):
                given = source.get(kind, {})
                for item in given.get("items", []):
                    origin = given.get("name") or given["secretName"]
                    found[f"{mounts[volume['name']]}/{item['path']}"] = (origin, item["key"])
    return found


def settings(objects: Objects) -> KeycloakSettings:
    text = objects["ConfigMap", "lab-config"]["data"]["keycloak.json"]
    return KeycloakSettings.from_mapping(json.loads(text))


def test_the_least_is_what_our_own_defaults_are() -> None:
    objects = render(with_keycloak())
    assert settings(objects) == KeycloakSettings.from_mapping(
        {
            "issuer": "https://login.example/realms/lab",
            "login": {"client_id": "collegium", "client_secret_file": "/etc/collegium/secrets/keycloak-login"},
        }
    )


def test_everything_that_can_be_said_arrives() -> None:
    found = settings(render(ALL))
    assert (found.issuer, found.realm) == ("https://login.example:8443/auth/realms/lab", "lab")
    assert (found.login.client_id, found.login.client_secret_file) == ("hub", SECRETS / "keycloak-login")
    assert found.sync is not None and found.accounts is not None
    assert (found.sync.client_id, found.sync.client_secret_file) == ("reader", SECRETS / "keycloak-sync")
    assert (found.sync.interval, found.sync.walk_interval) == (2.5, 60)
    assert (found.accounts.client_id, found.accounts.client_secret_file) == ("writer", SECRETS / "keycloak-accounts")
    assert found.groups.model_dump() == {
        "claim": "paths",
        "marker": "here",
        "prefix": "/labs",
        "include": ("team-*",),
        "exclude": ("team-test*",),
        "names": {"/labs/Old Physics": "physics"},
        "create": True,
        # Exactly these: helm must not have added the defaults.
        "new_limits": {"memory": "8Gi", "nvidia.com/gpu": 1},
    }
    assert found.roles.model_dump() == {
        "source": "client-role",
        "default": Role.VIEWER,
        "names": {"leads": Role.ADMIN},
        "claim": "our_roles",
        "pattern": "{role} of {group}",
    }
    assert found.platform_admin.model_dump() == {
        "realm_role": "",
        "realm_claim": "realm",
        "client_role": "operator",
        "client_claim": "our_roles",
    }
    assert (found.adopt_users, found.outage_grace, found.patience) == (True, 60, 2.5)
    assert found.ca_file == Path("/etc/collegium/ca/keycloak/ca.crt")


def test_no_setting_is_left_out() -> None:
    """A setting that is new in the program must be given a value here, or be left out knowingly."""
    written = json.loads(render(ALL)["ConfigMap", "lab-config"]["data"]["keycloak.json"])

    def names(values: dict[str, Any], below: str = "") -> set[str]:
        free = ("groups.names", "groups.new_limits", "roles.names")
        found: set[str] = set()
        for name, value in values.items():
            nested = isinstance(value, dict) and below + name not in free
            found |= names(value, f"{below}{name}.") if nested else {below + name}
        return found

    assert names(written) == names(json.loads(settings(render(ALL)).to_json()))


def test_a_clients_secret_is_seen_by_the_one_pod_that_is_the_client() -> None:
    objects = render({**ALL, "selftest": {"existingSecret": "visitor", "key": "api"}})
    ours = {name: {p: f for p, f in files(objects, name).items() if p.startswith(str(SECRETS))} for name in PODS}
    assert ours == {
        "hub": {
            f"{SECRETS}/cookie-secret": ("lab-hub", "cookie-secret"),
            f"{SECRETS}/crypt-key": ("lab-hub", "crypt-key"),
            f"{SECRETS}/proxy-token": ("lab-proxy", "proxy-token"),
            f"{SECRETS}/service-token": ("lab-service", "service-token"),
            f"{SECRETS}/keycloak-login": ("clients", "hub"),
        },
        "controller": {f"{SECRETS}/keycloak-sync": ("clients", "reader")},
        "api": {f"{SECRETS}/keycloak-accounts": ("writer-secret", "writer")},
        "selftest": {f"{SECRETS}/token": ("visitor", "api")},
        "proxy": {},
    }
    # Nor in any other way: a whole Secret as a volume, or as variables.
    for name in PODS:
        body = spec(objects, name)
        assert all(v["secret"].get("items") for v in body["volumes"] if "secret" in v), name
        assert all("envFrom" not in c for c in body["containers"]), name
        for value in environment(objects, name).values():
            if isinstance(value, dict):
                assert value["secretKeyRef"]["name"] in ("database", "lab-service", "lab-proxy", "lab-sealing"), name


@pytest.mark.parametrize(
    ("given", "readers"),
    [
        ({}, {"hub"}),
        ({"sync": {"existingSecret": "s"}}, {"hub", "controller"}),
        ({"accounts": {"existingSecret": "a"}}, {"hub", "api"}),
    ],
)
def test_without_an_account_nobody_has_a_file_for_it(given: dict[str, Any], readers: set[str]) -> None:
    objects = render(with_keycloak(**given))
    found = {name for name in PODS if any("/keycloak-" in path for path in files(objects, name))}
    assert found == readers
    assert {name for name in PODS if any(v["name"] == "secrets" for v in spec(objects, name)["volumes"])} == readers
    read = settings(objects)
    assert (read.sync is not None, read.accounts is not None) == ("sync" in given, "accounts" in given)


def test_every_pod_reads_the_same_settings() -> None:
    for values in (with_keycloak(), ALL):
        objects = render(values)
        assert "keycloak.json" in objects["ConfigMap", "lab-config"]["data"]
        for name in ("hub", "api", "controller"):
            assert environment(objects, name)[VARIABLE] == CONFIG
        for name in ("api", "controller"):
            assert files(objects, name)[CONFIG] == ("lab-config", "keycloak.json")
        assert VARIABLE not in environment(objects, "proxy")
        assert VARIABLE not in environment(objects, "selftest")


@pytest.mark.parametrize(
    "values", [{}, {"auth": {**KEYCLOAK, "type": "local"}}, {"auth": {**KEYCLOAK_ALL, "type": "local"}}]
)
def test_nothing_of_it_with_local_logins(values: dict[str, Any]) -> None:
    objects = render(values)
    text = json.dumps([[kind, name, body] for (kind, name), body in objects.items()])
    for word in ("keycloak", "crypt-key", "login.example", "issuer"):
        assert word not in text, word


def test_no_text_of_a_secret_outside_of_secrets() -> None:
    for values in (with_keycloak(), ALL):
        objects = render(values)
        for (kind, name), body in objects.items():
            if kind == "ConfigMap":
                for key, text in body["data"].items():
                    assert "secret" not in text.replace("client_secret_file", "").replace(
                        str(SECRETS), ""
                    ).lower() or key in (
                        "jupyterhub_config.py",
                        "kubernetes.json",
                    ), (name, key)
        made = {name for kind, name in objects if kind == "Secret"}
        # No first password: nobody could use it.
        assert made == {"lab-hub", "lab-proxy", "lab-sealing", "lab-service"}


def test_the_crypt_key_is_ours_or_the_operators() -> None:
    first, second = render(with_keycloak()), render(with_keycloak())
    keys = [objects["Secret", "lab-hub"]["data"] for objects in (first, second)]
    assert all(set(data) == {"cookie-secret", "crypt-key"} for data in keys)
    assert len({data[name] for data in keys for name in data}) == 4
    objects = render({**with_keycloak(), "secrets": {"hub": "mine"}})
    assert ("Secret", "lab-hub") not in objects
    assert files(objects, "hub")[f"{SECRETS}/crypt-key"] == ("mine", "crypt-key")


@pytest.mark.parametrize("kind", ["configMap", "secret"])
def test_a_certificate_authority_of_ones_own(kind: str) -> None:
    objects = render(with_keycloak(caBundle={kind: "authorities"}))
    file = settings(objects).ca_file
    assert file is not None
    for name in ("hub", "api", "controller", "selftest"):
        assert files(objects, name)[str(file)] == ("authorities", "ca.crt"), name
    assert str(file) not in files(objects, "proxy")


def test_nobody_is_in_the_catalog(tmp_path: Path) -> None:
    for given in ({}, {"groups": [{"name": "physics", "limits": {"cpu": "1"}}]}):
        objects = render({**with_keycloak(), "catalog": given})
        (tmp_path / "catalog.yaml").write_text(objects["ConfigMap", "lab-catalog"]["data"]["catalog.yaml"])
        catalog = load_catalog(tmp_path / "catalog.yaml")
        assert not catalog.users and [g.name for g in catalog.groups] == [g["name"] for g in given.get("groups", [])]
        assert not any(group.members for group in catalog.groups)


def test_somebody_is_in_the_local_catalog_until_there_is_another(tmp_path: Path) -> None:
    def read(values: dict[str, Any]) -> Any:
        text = render(values)["ConfigMap", "lab-catalog"]["data"]["catalog.yaml"]
        (tmp_path / "catalog.yaml").write_text(text)
        return load_catalog(tmp_path / "catalog.yaml")

    catalog = read({"admin": {"user": "pat"}})
    assert [(u.name, u.platform_admin) for u in catalog.users] == [("pat", True)]
    assert [(g.name, [(n, m.role) for n, m in g.members.items()]) for g in catalog.groups] == [
        ("welcome", [("pat", Role.ADMIN)])
    ]
    catalog = read({"catalog": {"users": [{"name": "admin", "platform_admin": True}]}})
    assert ([u.name for u in catalog.users], list(catalog.groups)) == (["admin"], [])


def test_pods_roll_when_the_realm_changes() -> None:
    def hashes(**changes: Any) -> dict[str, str]:
        objects = render(with_keycloak(**changes))
        templates = {n: b["spec"]["template"] for (kind, n), b in objects.items() if kind == "Deployment"}
        return {n: t["metadata"]["annotations"]["collegium.io/configuration"] for n, t in templates.items()}

    before, after = hashes(), hashes(outageGrace=60)
    assert {name for name in before if before[name] != after[name]} == {"lab-hub", "lab-api", "lab-controller"}
    assert hashes() == before


def rules(objects: Objects, name: str) -> list[tuple[frozenset[int], Any]]:
    """The egress rules of a component's policy: ports, and peers (None for anybody)."""
    found = objects["NetworkPolicy", f"lab-{name}"]["spec"].get("egress", [])
    return [(frozenset(p["port"] for p in rule["ports"]), rule.get("to")) for rule in found]


def opened(values: dict[str, Any]) -> dict[str, list[tuple[frozenset[int], Any]]]:
    """What the policies of our pods let through more than with local logins, where no webhooks are called."""
    closed = {"webhooks": {"ports": []}}
    plain = render({"networkPolicy": closed})
    objects = render({**values, "networkPolicy": {**values.get("networkPolicy", {}), **closed}})
    return {n: more for n in PODS if (more := [r for r in rules(objects, n) if r not in rules(plain, n)])}


def test_who_has_a_client_may_reach_keycloak_and_nobody_else() -> None:
    anywhere = [(frozenset({443}), None)]
    assert opened(with_keycloak()) == {"hub": anywhere, "selftest": anywhere}
    assert opened(with_keycloak(sync={"existingSecret": "s"})) == {
        "hub": anywhere,
        "controller": anywhere,
        "selftest": anywhere,
    }
    assert opened(with_keycloak(accounts={"existingSecret": "a"})) == {
        "hub": anywhere,
        "api": anywhere,
        "selftest": anywhere,
    }


@pytest.mark.parametrize(
    ("issuer", "ports"),
    [
        ("https://login.example/realms/lab", {443}),
        ("https://login.example:9443/realms/lab", {443, 9443}),
        ("http://keycloak.identity.svc/realms/lab", {80, 443}),
        ("http://keycloak.identity.svc:8080/auth/realms/lab/", {443, 8080}),
        ("https://[2001:db8::1]:8443/realms/lab", {443, 8443}),
        ("https://[2001:db8::1]/realms/lab", {443}),
    ],
)
def test_the_issuers_port_is_open(issuer: str, ports: set[int]) -> None:
    assert opened(with_keycloak(issuer=issuer))["hub"] == [(frozenset(ports), None)]
    assert settings(render(with_keycloak(issuer=issuer))).issuer == issuer.rstrip("/")


def test_a_narrow_way_to_keycloak() -> None:
    there = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "identity"}}}
    found = opened({**ALL, "networkPolicy": {"keycloak": {"ports": [8443], "to": [there]}}})
    assert found == {n: [(frozenset({8443}), [there])] for n in ("hub", "api", "controller", "selftest")}


def test_nobody_comes_in_by_another_way() -> None:
    plain, objects = render(), render(ALL)
    for (kind, name), body in plain.items():
        if kind == "NetworkPolicy":
            # Keycloak's own call at the end of a session comes through the proxy, as all do.
            assert objects[kind, name]["spec"].get("ingress") == body["spec"].get("ingress"), name


def test_rights_at_kubernetes_stay_as_they_are() -> None:
    plain, objects = render(), render(ALL)
    kinds = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount")
    assert {k: b for k, b in objects.items() if k[0] in kinds} == {k: b for k, b in plain.items() if k[0] in kinds}


def test_the_selftest_needs_no_password() -> None:
    def arguments(values: dict[str, Any]) -> list[str]:
        return list(spec(render(values), "selftest")["containers"][0]["args"])

    local, plain = arguments({}), arguments(with_keycloak())
    assert "--user=admin" in local and not [a for a in local if a.startswith("--issuer")]
    assert "--issuer=https://login.example/realms/lab" in plain
    assert not [a for a in plain if a.startswith(("--user", "--password", "--token", "--ca"))]
    full = arguments({**ALL, "selftest": {"existingSecret": "visitor"}})
    assert {"--token-file=/etc/collegium/secrets/token", "--ca-file=/etc/collegium/ca/keycloak/ca.crt"} <= set(full)


@pytest.fixture
def notes(tmp_path: Path) -> Callable[[Any], str]:
    """What helm prints after an install; without a cluster it renders manifests only, so they are made one here."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    text = (chart / "templates/NOTES.txt").read_text()
    (chart / "templates/_notes.tpl").write_text('{{ define "notes" }}' + text + "{{ end }}")
    made = '{apiVersion: v1, kind: ConfigMap, metadata: {name: notes}, data: {text: {{ include "notes" . | quote }}}}'
    (chart / "templates/notes.yaml").write_text(made)

    def read(values: Any) -> str:
        given = merged(LEAST, values)
        shown = ("--show-only", "templates/notes.yaml", "--kube-version", VERSION)
        done = helm("template", "lab", str(chart), "-n", "control", *shown, values=given)
        assert done.returncode == 0, done.stderr
        return str(yaml.safe_load(done.stdout)["data"]["text"])

    return read


def test_the_notes_say_how_to_log_in(notes: Callable[[Any], str]) -> None:
    text = notes(with_keycloak())
    assert "leads to https://login.example/realms/lab" in text and "/hub/oauth_callback" in text
    assert "set-password" not in text and "lab-admin" not in text
    assert "There is no auth.keycloak.sync" in text and "WARNING" not in text
    text = notes(ALL)
    assert "There is no auth.keycloak.sync" not in text
    assert "not https" in notes(with_keycloak(issuer="http://keycloak/realms/lab"))
    assert "set-password" in notes({}) and "oauth_callback" not in notes({})


def test_what_becomes_of_work_is_told_to_the_controller_alone() -> None:
    def options(values: dict[str, Any], name: str) -> list[str]:
        given = spec(render(values), name)["containers"][0]["args"]
        return [argument for argument in given if "revocation" in argument]

    for values, grace, servers, jobs in (
        ({}, "900", "stop", "cancel"),
        (
            {"auth": {"revocation": {"grace": 2592000, "servers": "keep", "jobs": "finish"}}},
            "2592000",
            "keep",
            "finish",
        ),
    ):
        found = options(values, "controller")
        assert found == [
            f"--CollegiumService.revocation_grace={grace}",
            f"--CollegiumService.revocation_servers={servers}",
            f"--CollegiumService.revocation_jobs={jobs}",
        ]
        assert not options(values, "api")
    for name in ("grace", "servers", "jobs"):
        assert CollegiumService.class_traits(config=True).keys() >= {f"revocation_{name}"}


def test_the_manuals_example_can_be_installed() -> None:
    manual = (ROOT / "docs/kubernetes.md").read_text()
    blocks = [textwrap.dedent(block) for block in re.findall(r"```yaml\n(.*?)```", manual, re.DOTALL)]
    keycloak, mail = (yaml.safe_load(next(b for b in blocks if word in b)) for word in ("type: keycloak", "mail: {"))
    objects = render(merged(keycloak, mail), least=False)
    found = settings(objects)
    assert found.sync is not None and found.accounts is not None and found.ca_file is not None
    made = set(re.findall(r"create secret generic (keycloak-\w+) --from-file=client-secret=", manual))
    assert made == {keycloak["auth"]["keycloak"][name]["existingSecret"] for name in ("login", "sync", "accounts")}
