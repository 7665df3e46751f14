"""NetworkPolicies (networking.k8s.io/v1, IPv4) as one nftables table: pure functions from objects to text.

A pod that a policy selects gets a chain per direction, which returns for what is allowed and drops the rest.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]
Networks = list[ipaddress.IPv4Network]
TABLE = "cluster-netpol"


def matches(selector: Object | None, labels: Object | None) -> bool:
    """Does a label selector select? None selects everything."""
    selector, labels = selector or {}, labels or {}
    if any(labels.get(k) != v for k, v in (selector.get("matchLabels") or {}).items()):
        return False
    for wanted in selector.get("matchExpressions") or []:
        key, values = wanted["key"], wanted.get("values") or []
        if not {
            "In": key in labels and labels[key] in values,
            "NotIn": key not in labels or labels[key] not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }[wanted["operator"]]:
            return False
    return True


def block(peer: Object) -> Networks:
    """An ipBlock without what it excepts; nothing for IPv6."""
    found: list[Any] = [ipaddress.ip_network(peer["cidr"], strict=False)]
    for text in peer.get("except") or []:
        hole = ipaddress.ip_network(text, strict=False)
        found = [rest for net in found for rest in without(net, hole)]
    return [net for net in found if net.version == 4]


def without(net: Any, hole: Any) -> list[Any]:
    """A network minus another."""
    if net.version != hole.version or not net.overlaps(hole):
        return [net]
    return [] if net.subnet_of(hole) else list(net.address_exclude(hole))


def selected(peer: Object, namespace: str, pods: list[Object], namespaces: dict[str, Object]) -> list[Object]:
    """The pods a peer names by its selectors."""

    def here(pod: Object) -> bool:
        its = pod["metadata"]["namespace"]
        if peer.get("namespaceSelector") is None:
            return its == namespace
        return its in namespaces and matches(peer["namespaceSelector"], namespaces[its])

    return [p for p in pods if here(p) and matches(peer.get("podSelector"), p["metadata"].get("labels"))]


def named_ports(pod: Object, name: str, protocol: str) -> set[int]:
    """The numbers behind a port's name in a pod."""
    containers = pod["spec"]["containers"] + (pod["spec"].get("initContainers") or [])
    ports = [port for c in containers for port in c.get("ports") or []]
    return {p["containerPort"] for p in ports if p.get("name") == name and p.get("protocol", "TCP") == protocol}


def written(field: str, networks: Networks | None) -> str:
    """The part of a rule that matches addresses; none for every address."""
    if networks is None:
        return ""
    return f"ip {field} {{ {', '.join(map(str, ipaddress.collapse_addresses(networks)))} }} "


def rules(rule: Object, ingress: bool, pod: Object, pods: list[Object], namespaces: dict[str, Object]) -> Iterator[str]:
    """The nft rules of one ingress or egress rule of a policy, for one pod."""
    field = "saddr" if ingress else "daddr"
    peers = rule.get("from" if ingress else "to")
    others: list[Object] = []
    networks: Networks | None = None
    if peers:
        blocks = [net for p in peers if p.get("ipBlock") for net in block(p["ipBlock"])]
        plain = [p for p in peers if not p.get("ipBlock")]
        others = [q for p in plain for q in selected(p, pod["metadata"]["namespace"], pods, namespaces)]
        networks = blocks + [address(q) for q in others]
        if not networks:
            return
    for port in rule.get("ports") or [None]:
        if port is None:
            yield written(field, networks)
            continue
        protocol = port.get("protocol", "TCP")
        number, way = port.get("port"), protocol.lower()
        if number is None:
            yield f"{written(field, networks)}meta l4proto {way} "
        elif isinstance(number, int):
            last = f"-{port['endPort']}" if port.get("endPort") else ""
            yield f"{written(field, networks)}{way} dport {number}{last} "
        elif ingress:  # a name means the receiving pod's port: this pod's
            for found in sorted(named_ports(pod, number, protocol)):
                yield f"{written(field, networks)}{way} dport {found} "
        else:  # each receiving pod has a number of its own
            for other in others if peers else pods:
                for found in sorted(named_ports(other, number, protocol)):
                    yield f"{written(field, [address(other)])}{way} dport {found} "


def address(pod: Object) -> ipaddress.IPv4Network:
    """A pod's address as a network."""
    return ipaddress.IPv4Network(pod["status"]["podIP"])


def live(pod: Object) -> bool:
    """Has it an address of its own and does it still run?"""
    status = pod["status"]
    own = status.get("podIP") and not pod["spec"].get("hostNetwork")
    return bool(own) and status.get("phase") in ("Pending", "Running")


def render(policies: list[Object], pods: list[Object], namespaces: list[Object]) -> str:
    """The whole table, which nft puts in place of the last in one transaction."""
    pods = sorted((p for p in pods if live(p)), key=lambda p: p["status"]["podIP"])
    labels = {n["metadata"]["name"]: n["metadata"].get("labels") or {} for n in namespaces}
    chains: list[str] = []
    jumps: dict[str, list[str]] = {"Ingress": [], "Egress": []}
    for pod in pods:
        own, at = pod["metadata"], pod["status"]["podIP"]
        mine = [
            p["spec"]
            for p in policies
            if p["metadata"]["namespace"] == own["namespace"]
            and matches(p["spec"].get("podSelector"), own.get("labels"))
        ]
        for way, side in (("Ingress", "daddr"), ("Egress", "saddr")):
            binding = [spec for spec in mine if way in spec.get("policyTypes", ["Ingress"])]
            if not binding:
                continue
            allowed = sorted(
                {
                    text
                    for spec in binding
                    for rule in spec.get(way.lower()) or []
                    for text in rules(rule, way == "Ingress", pod, pods, labels)
                }
            )
            name = f"{way.lower()}-{at}".replace(".", "-")
            lines = "".join(f"    {text}return\n" for text in allowed)
            chains.append(f"  chain {name} {{\n{lines}    counter drop\n  }}\n")
            jumps[way].append(f"    ip {side} {at} jump {name}\n")
    head = "    type filter hook {} priority 10; policy accept;\n    ct state established,related accept\n"
    # To the node itself (API server) only egress counts; its DNS is open to all, as pods here find no DNS pod to name.
    return (
        f"table ip {TABLE}\ndelete table ip {TABLE}\ntable ip {TABLE} {{\n"
        + "".join(chains)
        + f"  chain forward {{\n{head.format('forward')}{''.join(jumps['Ingress'] + jumps['Egress'])}  }}\n"
        + f"  chain input {{\n{head.format('input')}    meta l4proto {{ tcp, udp }} th dport 53 accept\n"
        + f"{''.join(jumps['Egress'])}  }}\n}}\n"
    )
