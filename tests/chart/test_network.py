"""Who may talk to whom, worked out from the policies as a network would."""

from __future__ import annotations

from typing import Any

import pytest

from support.rendered import Objects, render

SERVER = {"app.kubernetes.io/instance": "lab", "collegium.io/kind": "server"}
JOB = {"app.kubernetes.io/instance": "lab", "collegium.io/kind": "job"}
GROUP = {"app.kubernetes.io/managed-by": "collegium", "app.kubernetes.io/instance": "lab"}
CONTROL = {"kubernetes.io/metadata.name": "control"}
BUNDLED = {"database": {"existingSecret": "", "bundled": {"enabled": True}}}


def pod(component: str) -> tuple[dict[str, str], dict[str, str]]:
    """Labels of a pod of ours, and of its namespace."""
    name = {"app.kubernetes.io/name": "collegium", "app.kubernetes.io/instance": "lab"}
    return {**name, "app.kubernetes.io/component": component}, CONTROL


PEERS = {
    **{name: pod(name) for name in ("hub", "proxy", "api", "controller", "postgresql", "selftest")},
    "server": (SERVER, GROUP),
    "job": (JOB, GROUP),
    "stranger": ({"app": "other"}, {"kubernetes.io/metadata.name": "other"}),
    "neighbour": ({"app": "other"}, CONTROL),
    "impostor": (pod("hub")[0], {"kubernetes.io/metadata.name": "other"}),
    "other lab's server": (
        {**SERVER, "app.kubernetes.io/instance": "two"},
        {**GROUP, "app.kubernetes.io/instance": "two"},
    ),
}


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}
    return selector.get("matchLabels", {}).items() <= labels.items()


def allowed(objects: Objects, way: str, at: str, other: str, port: int) -> bool:
    """May a connection pass the policies of one end? ``way`` is ingress or egress."""
    mine, theirs = PEERS[at], PEERS[other]
    isolated = False
    for (kind, _), body in objects.items():
        spec = body["spec"] if kind == "NetworkPolicy" else {}
        if kind != "NetworkPolicy" or way.capitalize() not in spec["policyTypes"]:
            continue
        if mine[1] is not CONTROL or not matches(spec["podSelector"], mine[0]):
            continue
        isolated = True
        for rule in spec.get(way, []):
            if "ports" in rule and port not in [p["port"] for p in rule["ports"]]:
                continue
            peers = rule.get("from" if way == "ingress" else "to")
            if peers is None or any(_is(peer, theirs) for peer in peers):
                return True
    return not isolated


def _is(peer: dict[str, Any], other: tuple[dict[str, str], dict[str, str]]) -> bool:
    if "ipBlock" in peer:
        return False
    place = matches(peer["namespaceSelector"], other[1]) if "namespaceSelector" in peer else other[1] is CONTROL
    return place and matches(peer.get("podSelector", {}), other[0])


def connects(objects: Objects, source: str, target: str, port: int) -> bool:
    return allowed(objects, "egress", source, target, port) and allowed(objects, "ingress", target, source, port)


OPEN = {
    ("proxy", "hub", 8081),
    ("api", "hub", 8081),
    ("controller", "hub", 8081),
    ("server", "hub", 8081),
    ("hub", "proxy", 8001),
    ("proxy", "api", 10101),
    ("hub", "api", 10101),
    ("hub", "postgresql", 5432),
    ("api", "postgresql", 5432),
    ("controller", "postgresql", 5432),
    ("proxy", "server", 8888),
    ("hub", "server", 8888),
    ("selftest", "proxy", 8000),
    # The world comes in by the proxy.
    ("server", "proxy", 8000),
    ("job", "proxy", 8000),
    ("stranger", "proxy", 8000),
    ("neighbour", "proxy", 8000),
    ("impostor", "proxy", 8000),
    ("other lab's server", "proxy", 8000),
}


def ours(objects: Objects, ports: list[int]) -> set[tuple[str, str, int]]:
    """All connections that our policies let through with at least one end at our control plane."""
    control = {name for name, (_, place) in PEERS.items() if place is CONTROL and name != "neighbour"}
    return {
        (source, target, port)
        for source in PEERS
        for target in PEERS
        for port in ports
        if source != target and control & {source, target} and connects(objects, source, target, port)
    }


def test_exactly_these_connections() -> None:
    assert ours(render(BUNDLED), [8000, 8001, 8081, 8888, 10101, 5432]) == OPEN


def test_a_narrow_proxy_still_serves_its_own() -> None:
    ingress = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}
    found = ours(render({**BUNDLED, "networkPolicy": {"proxyFrom": [ingress]}}), [8000])
    assert {source for source, target, _ in found if target == "proxy"} == {
        "server",
        "job",
        "selftest",
        "stranger",
        "impostor",
    }


def test_kubernetes_is_for_hub_and_controller() -> None:
    objects = render({"networkPolicy": {"databaseTo": [{"ipBlock": {"cidr": "192.0.2.7/32"}}]}})
    may = {
        name
        for name in ("hub", "proxy", "api", "controller", "selftest")
        if allowed(objects, "egress", name, "stranger", 6443)
    }
    assert may == {"hub", "controller"}


@pytest.mark.parametrize("enabled", [True, False])
def test_off_means_off(enabled: bool) -> None:
    objects = render({"networkPolicy": {"enabled": enabled}})
    assert any(kind == "NetworkPolicy" for kind, _ in objects) is enabled
