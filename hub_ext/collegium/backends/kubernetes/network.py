"""NetworkPolicies of a group's namespace: nothing in or out but what is named here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.client import NETWORK_POLICY
from collegium.backends.kubernetes.manifests import common_labels, manifest, own_namespace, ranges_by_family
from collegium.backends.kubernetes.settings import KubernetesSettings

_NAMESPACE_NAME = "kubernetes.io/metadata.name"
_SERVERS = {"matchLabels": {naming.KIND: naming.SERVER}}
_WORK = {"matchExpressions": [{"key": naming.KIND, "operator": "In", "values": [naming.SERVER, naming.JOB_KIND]}]}


def network_policies(settings: KubernetesSettings, group: str) -> list[dict[str, Any]]:
    """All policies of the group's namespace. Jobs and copies have no way in, copies but DNS no way out."""
    # A shared namespace may hold pods that are not ours to cut off.
    everyone = {} if own_namespace(settings) else {"matchExpressions": [{"key": naming.KIND, "operator": "Exists"}]}
    hub, proxy = _component(settings, "hub"), _component(settings, "proxy")
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    made = [
        _policy(settings, group, "collegium-deny", everyone, ingress=[], egress=[]),
        _policy(settings, group, "collegium-hub", _SERVERS, egress=[{"to": [hub], "ports": _tcp(settings.hub_port)}]),
        _policy(
            settings, group, "collegium-proxy", _WORK, egress=[{"to": [proxy], "ports": _tcp(settings.proxy_port)}]
        ),
        _policy(
            settings,
            group,
            "collegium-servers",
            _SERVERS,
            ingress=[{"from": [hub, proxy], "ports": _tcp(settings.server_port)}],
        ),
    ]
    # An empty list of peers would mean everybody.
    if settings.dns_peers:
        rule = {"to": [dict(peer) for peer in settings.dns_peers], "ports": dns}
        made.append(_policy(settings, group, "collegium-dns", everyone, egress=[rule]))
    if settings.internet:
        blocks = ranges_by_family(settings.blocked_ranges) or {"0.0.0.0/0": []}
        peers = [{"ipBlock": {"cidr": cidr, **({"except": b} if b else {})}} for cidr, b in sorted(blocks.items())]
        made.append(_policy(settings, group, "collegium-internet", _WORK, egress=[{"to": peers}]))
    if settings.within_group:
        made.append(_within(settings, group))
    return made


def _within(settings: KubernetesSettings, group: str) -> dict[str, Any]:
    """Pods of the group may talk to one another; told by label, for the namespace may hold other groups."""
    ours = {"matchLabels": {naming.INSTANCE: settings.instance, naming.GROUP: group}}
    peers = [{"podSelector": ours}]
    policy = _policy(
        settings, group, f"collegium-within-{group}", ours, ingress=[{"from": peers}], egress=[{"to": peers}]
    )
    policy["metadata"]["labels"][naming.GROUP] = group
    return policy


def _component(settings: KubernetesSettings, component: str) -> dict[str, Any]:
    return {
        "namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: settings.control_namespace}},
        "podSelector": {"matchLabels": {naming.INSTANCE: settings.instance, naming.COMPONENT: component}},
    }


def _tcp(port: int) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": port}]


def _policy(
    settings: KubernetesSettings, group: str, name: str, pods: Mapping[str, Any], **rules: list[dict[str, Any]]
) -> dict[str, Any]:
    kinds = [way.capitalize() for way in rules]
    spec = {"podSelector": dict(pods), "policyTypes": kinds, **rules}
    return manifest(NETWORK_POLICY, name, common_labels(settings), settings.namespace_of(group), spec=spec)
