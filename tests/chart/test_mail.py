"""The chart with a mail server: api and controller alone know it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collegium.services.mail import VARIABLE, MailSettings
from support.rendered import MAIL, Objects, pod_specs, refusal, render

LEAST_MAIL = {"mail": {"host": "mail.example", "sender": "lab@mail.example"}}


def settings(objects: Objects) -> MailSettings:
    return MailSettings.from_mapping(json.loads(objects["ConfigMap", "lab-config"]["data"]["mail.json"]))


def knowing(objects: Objects, word: str) -> set[str]:
    """The pods in whose specification a word is."""
    return {name for name, spec in pod_specs(objects) if word in json.dumps(spec)}


def test_the_least_and_all_of_it_are_read_by_our_own_code() -> None:
    least = MailSettings.from_mapping({"host": "mail.example", "sender": "lab@mail.example"})
    assert settings(render(LEAST_MAIL)) == least
    assert settings(render({"mail": MAIL})) == MailSettings(
        host="mail.example",
        port=2525,
        security="tls",
        user="collegium",
        password_file=Path("/etc/collegium/secrets/mail-password"),
        sender="lab@mail.example",
        ca_file=Path("/etc/collegium/ca/mail/ca.crt"),
        patience=5,
    )


@pytest.mark.parametrize("pod", ["lab-api", "lab-controller"])
def test_api_and_controller_alone_know_the_server_and_its_password(pod: str) -> None:
    objects = render({"mail": MAIL})
    for word in (VARIABLE, "mail.json", "mail-secret", "mail-authority"):
        expected = {"lab-api", "lab-controller"}
        assert knowing(objects, word) == expected, word
    spec = dict(pod_specs(objects))[pod]
    (secrets,) = [v for v in spec["volumes"] if v["name"] == "secrets"]
    (source,) = secrets["projected"]["sources"]
    assert source["secret"] == {"name": "mail-secret", "items": [{"key": "word", "path": "mail-password"}]}
    mounts = {m["name"]: m["mountPath"] for m in spec["containers"][0]["volumeMounts"]}
    assert (mounts["secrets"], mounts["mail-ca"]) == ("/etc/collegium/secrets", "/etc/collegium/ca/mail")
    env = {e["name"]: e.get("value") for e in spec["containers"][0]["env"]}
    assert env[VARIABLE] == "/etc/collegium/config/mail.json"


def test_without_a_login_there_is_no_secret() -> None:
    objects = render(LEAST_MAIL)
    assert settings(objects).password_file is None
    assert not [v for v in dict(pod_specs(objects))["lab-api"]["volumes"] if v["name"] == "secrets"]


def test_without_a_server_there_is_nothing() -> None:
    objects = render({"mail": {**MAIL, "host": ""}})
    assert "mail.json" not in objects["ConfigMap", "lab-config"]["data"]
    assert not knowing(objects, "mail")


@pytest.mark.parametrize(
    ("given", "port"), [({}, 587), ({"security": "tls"}, 465), ({"security": "none"}, 25), ({"port": 2525}, 2525)]
)
def test_the_way_to_it_is_open_for_these_alone(given: dict[str, Any], port: int) -> None:
    there = [{"ipBlock": {"cidr": "192.0.2.25/32"}}]
    for to in ([], there):
        values = {"mail": {**LEAST_MAIL["mail"], **given}, "networkPolicy": {"mailTo": to}}
        plain, objects = render(), render(values)
        more = {}
        for (kind, name), body in objects.items():
            before = plain[kind, name]["spec"].get("egress", []) if kind == "NetworkPolicy" else []
            if kind == "NetworkPolicy" and (new := [r for r in body["spec"].get("egress", []) if r not in before]):
                more[name] = new
        rule: dict[str, Any] = {"ports": [{"protocol": "TCP", "port": port}]}
        wanted = [rule | ({"to": to} if to else {})]
        assert more == {"lab-api": wanted, "lab-controller": wanted}


def test_api_and_controller_alone_roll_when_it_changes() -> None:
    def hashes(mail: dict[str, Any]) -> dict[str, str]:
        templates = {
            n: b["spec"]["template"] for (kind, n), b in render({"mail": mail}).items() if kind == "Deployment"
        }
        return {n: t["metadata"]["annotations"]["collegium.io/configuration"] for n, t in templates.items()}

    before, after = hashes(MAIL), hashes({**MAIL, "patience": 6})
    assert {name for name in before if before[name] != after[name]} == {"lab-api", "lab-controller"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"host": "mail.example"}, ["mail.sender is empty"]),
        ({**LEAST_MAIL["mail"], "user": "u"}, ["mail.existingSecret is empty", "password of u", "key password"]),
        ({**MAIL, "security": "none"}, ["mail.security is none", "password"]),
        ({**MAIL, "security": "ssl"}, ["/mail/security", "'starttls', 'tls', 'none'"]),
        ({**MAIL, "sender": "Lab <lab@mail.example>"}, ["/mail/sender"]),
        ({**MAIL, "port": 70000}, ["/mail/port"]),
        ({**MAIL, "password": "x"}, ["/mail", "'password' not allowed"]),
        ({**MAIL, "caBundle": {"secret": "a", "configMap": "b"}}, ["mail.caBundle", "give one of them"]),
    ],
)
def test_what_is_missing_or_wrong_is_said(values: Any, words: list[str]) -> None:
    text = refusal({"mail": values})
    assert all(word in text for word in words), text
