"""The test cluster's enforcer of policies, rule by rule: what the live tests of the cluster cannot tell apart."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster/node"))
import policies

sys.path.pop(0)

NAMESPACES = [{"metadata": {"name": name, "labels": {"team": name}}} for name in ("a", "b")]


def pod(namespace: str, at: str, *, phase: str = "Running", ports: dict[str, int] | None = None, **labels: str) -> Any:
    listed = [{"name": name, "containerPort": number} for name, number in (ports or {}).items()]
    return {
        "metadata": {"namespace": namespace, "labels": labels},
        "spec": {"containers": [{"ports": listed}]},
        "status": {"podIP": at, "phase": phase},
    }


def policy(namespace: str, **spec: Any) -> Any:
    return {"metadata": {"namespace": namespace}, "spec": {"podSelector": {}, **spec}}


def chain(text: str, name: str) -> list[str]:
    """The rules of one chain."""
    lines = text.splitlines()
    start = lines.index(f"  chain {name} {{")
    return [line.strip() for line in lines[start + 1 : lines.index("  }", start)]]


def test_selectors() -> None:
    labels = {"tier": "web", "env": "test"}
    yes: list[Any] = [
        None,
        {},
        {"matchLabels": {"tier": "web"}},
        {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web", "db"]}]},
        {"matchExpressions": [{"key": "none", "operator": "NotIn", "values": ["web"]}]},
        {"matchExpressions": [{"key": "env", "operator": "Exists"}, {"key": "none", "operator": "DoesNotExist"}]},
    ]
    no: list[Any] = [
        {"matchLabels": {"tier": "web", "env": "live"}},
        {"matchExpressions": [{"key": "none", "operator": "In", "values": ["web"]}]},
        {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]},
        {"matchLabels": {"tier": "web"}, "matchExpressions": [{"key": "env", "operator": "DoesNotExist"}]},
    ]
    assert all(policies.matches(s, labels) for s in yes)
    assert not any(policies.matches(s, labels) for s in no)


def test_no_policy_no_rule() -> None:
    assert "jump" not in policies.render([], [pod("a", "10.0.0.1")], NAMESPACES)


def test_a_policy_closes_its_own_namespace_in_the_directions_it_names() -> None:
    pods = [pod("a", "10.0.0.1"), pod("b", "10.0.0.2"), pod("a", "10.0.0.3", phase="Succeeded")]
    text = policies.render([policy("a", policyTypes=["Ingress", "Egress"])], pods, NAMESPACES)
    assert chain(text, "ingress-10-0-0-1") == chain(text, "egress-10-0-0-1") == ["counter drop"]
    assert "10.0.0.2" not in text
    assert "10.0.0.3" not in text


def test_peers_are_joined_and_policies_add_up() -> None:
    pods = [pod("a", "10.0.0.1"), pod("a", "10.0.0.5", role="x"), pod("b", "10.0.0.8", role="x"), pod("b", "10.0.0.12")]
    both = {"namespaceSelector": {"matchLabels": {"team": "b"}}, "podSelector": {"matchLabels": {"role": "x"}}}
    rules = [
        policy("a", policyTypes=["Ingress"], ingress=[{"from": [{"podSelector": {"matchLabels": {"role": "x"}}}]}]),
        policy("a", policyTypes=["Ingress"], ingress=[{"from": [both], "ports": [{"port": 80, "endPort": 90}]}]),
    ]
    text = policies.render(rules, pods, NAMESPACES)
    assert chain(text, "ingress-10-0-0-1") == [
        "ip saddr { 10.0.0.5/32 } return",
        "ip saddr { 10.0.0.8/32 } tcp dport 80-90 return",
        "counter drop",
    ]


def test_a_rule_without_peers_is_for_everyone_and_one_that_finds_none_for_nobody() -> None:
    open_to_all = policy("a", policyTypes=["Ingress"], ingress=[{"ports": [{"protocol": "UDP"}]}])
    nobody = policy("a", policyTypes=["Ingress"], ingress=[{"from": [{"podSelector": {"matchLabels": {"no": "one"}}}]}])
    text = policies.render([open_to_all, nobody], [pod("a", "10.0.0.1")], NAMESPACES)
    assert chain(text, "ingress-10-0-0-1") == ["meta l4proto udp return", "counter drop"]


def test_blocks_lose_what_they_except_and_overlaps_are_joined() -> None:
    to = [
        {"ipBlock": {"cidr": "10.0.0.0/30", "except": ["10.0.0.1/32"]}},
        {"ipBlock": {"cidr": "10.0.0.2/32"}},
        {"ipBlock": {"cidr": "fd00::/8"}},
        {"ipBlock": {"cidr": "192.168.1.0/24", "except": ["192.168.0.0/16"]}},
    ]
    text = policies.render(
        [policy("a", policyTypes=["Egress"], egress=[{"to": to}])], [pod("a", "10.0.0.1")], NAMESPACES
    )
    assert chain(text, "egress-10-0-0-1") == ["ip daddr { 10.0.0.0/32, 10.0.0.2/31 } return", "counter drop"]


def test_a_port_has_the_number_that_the_receiving_pod_gives_its_name() -> None:
    pods = [pod("a", "10.0.0.1", ports={"http": 80}), pod("b", "10.0.0.2", ports={"http": 8080}), pod("b", "10.0.0.3")]
    ports = [{"port": "http"}]
    rules = [
        policy("a", policyTypes=["Ingress"], ingress=[{"ports": ports}]),
        policy("a", policyTypes=["Egress"], egress=[{"to": [{"namespaceSelector": {}}], "ports": ports}]),
    ]
    text = policies.render(rules, pods, NAMESPACES)
    assert chain(text, "ingress-10-0-0-1") == ["tcp dport 80 return", "counter drop"]
    assert chain(text, "egress-10-0-0-1") == [
        "ip daddr { 10.0.0.1/32 } tcp dport 80 return",
        "ip daddr { 10.0.0.2/32 } tcp dport 8080 return",
        "counter drop",
    ]
