"""The chart with files of groups in S3: hub, api and controller alone know it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collegium.stores.settings import VARIABLE, FileSettings
from support.rendered import Objects, pod_specs, refusal, render

LEAST: dict[str, Any] = {"store": "s3", "s3": {"bucket": "lab-files", "secretName": "s3-keys"}}
ALL: dict[str, Any] = {
    "store": "s3",
    "s3": {
        "bucket": "lab-files",
        "prefix": "collegium/lab",
        "endpoint": "http://minio.storage.svc:9000/",
        "region": "eu-central-1",
        "secretName": "s3-keys",
        "accessEntry": "user",
        "signingEntry": "word",
        "direct": True,
        "publicEndpoint": "https://s3.example.org",
        "caBundle": {"configMap": "authorities", "key": "bundle.pem"},
    },
}
OURS = {"lab-hub", "lab-api", "lab-controller"}


def settings(objects: Objects) -> FileSettings:
    return FileSettings.from_mapping(json.loads(objects["ConfigMap", "lab-config"]["data"]["files.json"]))


def knowing(objects: Objects, word: str) -> set[str]:
    """The pods in whose specification a word is."""
    return {name for name, spec in pod_specs(objects) if word in json.dumps(spec)}


def test_the_least_and_all_of_it_are_read_by_our_own_code() -> None:
    files = {
        "access_key_file": "/etc/collegium/secrets/s3-access-key",
        "secret_key_file": "/etc/collegium/secrets/s3-secret-key",
    }
    assert settings(render({"files": LEAST})) == FileSettings(store="s3", bucket="lab-files", **files)
    assert settings(render({"files": ALL})) == FileSettings(
        store="s3",
        bucket="lab-files",
        prefix="collegium/lab",
        endpoint="http://minio.storage.svc:9000",
        region="eu-central-1",
        direct=True,
        public_endpoint="https://s3.example.org",
        ca_file="/etc/collegium/ca/s3/ca.crt",
        **files,
    )


@pytest.mark.parametrize("pod", sorted(OURS))
def test_hub_api_and_controller_have_its_keys(pod: str) -> None:
    objects = render({"files": ALL})
    for word in (VARIABLE, "s3-keys", "s3-secret-key", "authorities"):
        assert knowing(objects, word) == OURS, word
    spec = dict(pod_specs(objects))[pod]
    container = spec["containers"][0]
    env = {e["name"]: e.get("value") for e in container["env"]}
    mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
    assert env[VARIABLE] == mounts["config"] + "/files.json"
    volumes = {v["name"]: v for v in spec["volumes"]}
    items = volumes["config"]["configMap"].get("items")
    assert items is None or {"key": "files.json", "path": "files.json"} in items
    (source,) = [s["secret"] for s in volumes["secrets"]["projected"]["sources"] if s["secret"]["name"] == "s3-keys"]
    assert source["items"] == [{"key": "user", "path": "s3-access-key"}, {"key": "word", "path": "s3-secret-key"}]
    assert (mounts["secrets"], mounts["s3-ca"]) == ("/etc/collegium/secrets", "/etc/collegium/ca/s3")
    assert volumes["s3-ca"]["configMap"] == {"name": "authorities", "items": [{"key": "bundle.pem", "path": "ca.crt"}]}


def test_on_the_volume_there_is_nothing_of_it() -> None:
    objects = render()
    assert "files.json" not in objects["ConfigMap", "lab-config"]["data"]
    assert not knowing(objects, "s3") and not knowing(objects, VARIABLE)


@pytest.mark.parametrize(
    ("endpoint", "more", "ports"),
    [
        ("", [], [443]),
        ("http://minio.storage.svc", [], [80]),
        ("https://s3.example.org:9000", [9443, 9000], [9000, 9443]),
    ],
)
def test_the_way_to_it_is_open_for_these_alone(endpoint: str, more: list[int], ports: list[int]) -> None:
    there = [{"ipBlock": {"cidr": "192.0.2.25/32"}}]
    for to in ([], there):
        files = {**LEAST, "s3": {**LEAST["s3"], "endpoint": endpoint}}
        plain = render()
        objects = render({"files": files, "networkPolicy": {"s3": {"ports": more, "to": to}}})
        found = {}
        for (kind, name), body in objects.items():
            before = plain[kind, name]["spec"].get("egress", []) if kind == "NetworkPolicy" else []
            if kind == "NetworkPolicy" and (new := [r for r in body["spec"].get("egress", []) if r not in before]):
                found[name] = new
        rule: dict[str, Any] = {"ports": [{"protocol": "TCP", "port": port} for port in ports]}
        # The controller may reach webhooks anywhere at 443 as it is.
        same = {"lab-controller"} if ports == [443] and not to else set()
        assert found == {name: [rule | ({"to": to} if to else {})] for name in OURS - same}


def test_those_who_know_it_roll_when_it_changes() -> None:
    def hashes(files: dict[str, Any]) -> dict[str, str]:
        made = {n: b["spec"]["template"] for (kind, n), b in render({"files": files}).items() if kind == "Deployment"}
        return {n: t["metadata"]["annotations"]["collegium.io/configuration"] for n, t in made.items()}

    before, after = hashes(LEAST), hashes({**LEAST, "s3": {**LEAST["s3"], "region": "eu-west-1"}})
    assert {name for name in before if before[name] != after[name]} == OURS


def changed(**s3: Any) -> dict[str, Any]:
    return {**LEAST, "s3": {**LEAST["s3"], **s3}}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"store": "s3"}, ["files.s3.bucket is empty"]),
        (changed(secretName=""), ["files.s3.secretName is empty", "access-key", "secret-key"]),
        (changed(publicEndpoint="https://s3.example.org"), ["files.s3.publicEndpoint", "files.s3.direct"]),
        ({"s3": {"bucket": "lab"}}, ["files.s3.bucket is given", "files.store is posix"]),
        ({"s3": {"direct": True}}, ["files.s3.direct is on", "files.store is posix"]),
        (changed(caBundle={"secret": "a", "configMap": "b"}), ["files.s3.caBundle", "give one of them"]),
        ({"store": "gcs"}, ["/files/store", "'posix', 's3'"]),
        (changed(endpoint="s3.example.org"), ["/files/s3/endpoint"]),
        (changed(prefix="/lab/"), ["/files/s3/prefix"]),
        (changed(bucket="Lab_Files"), ["/files/s3/bucket"]),
        (changed(key="x"), ["/files/s3", "'key' not allowed"]),
    ],
)
def test_what_is_missing_or_wrong_is_said(values: Any, words: list[str]) -> None:
    text = refusal({"files": values})
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"store": "s3"}, "files.bucket"),
        ({"bucket": "b"}, "files.bucket"),
        ({"direct": True}, "files.direct"),
        ({"store": "s3", "bucket": "b", "folder": "/x"}, "files.folder"),
        ({"store": "s3", "bucket": "b", "access_key_file": "/x"}, "files.secret_key_file"),
        ({"store": "s3", "bucket": "b", "endpoint": "s3.example.org"}, "files.endpoint"),
        ({"store": "s3", "bucket": "b", "prefix": "../x"}, "files.prefix"),
    ],
)
def test_so_are_settings_without_the_chart(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Exception, match=field):
        FileSettings.from_mapping(values)
