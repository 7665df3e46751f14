"""Placement and pull secrets in the catalog file: what is accepted, and what a refusal names."""

from __future__ import annotations

import json

import pytest

from collegium.catalog.loader import CatalogError, parse_catalog
from collegium.catalog.service import apply_catalog, declared
from collegium.db import Database
from collegium.domain.catalog import Placement

GOOD = """
version: 1
instance_types:
  - name: gpu
    limits: {cpu: 4, memory: 16Gi, nvidia.com/gpu: 1}
    requests: {cpu: 500m, memory: 16Gi}
    node_selector: {node.kubernetes.io/instance-type: g5, zone: ""}
    tolerations:
      - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}
      - {key: spot, value: "yes", effect: NoExecute, tolerationSeconds: 60}
      - {operator: Exists}
    affinity:
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms:
            - matchExpressions: [{key: gpu/model, operator: In, values: [a100, h100]}]
            - matchFields: [{key: metadata.name, operator: In, values: [node-7.lan]}]
      podAntiAffinity:
        preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 10
            podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {a: b}}}
    priority_class: interactive
    shared_memory: 8Gi
  - name: plain
    limits: {cpu: 1, memory: 1Gi}
images:
  - {name: private, reference: "registry.example.org/team/image:1", pull_secret: team-registry}
"""


def size(field: str) -> bytes:
    return f"version: 1\ninstance_types:\n  - name: a\n    limits: {{cpu: 1, memory: 1Gi}}\n    {field}".encode()


def test_everything_arrives_as_kubernetes_writes_it() -> None:
    wanted = declared(parse_catalog(GOOD.encode()))
    placement = wanted.instance_types[0].placement
    assert placement.tolerations == (
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "spot", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60},
        {"operator": "Exists"},
    )
    nodes = placement.affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert nodes["nodeSelectorTerms"][0] == {
        "matchExpressions": [{"key": "gpu/model", "operator": "In", "values": ["a100", "h100"]}]
    }
    assert placement.priority_class == "interactive"
    assert placement.shared_memory == 8 << 30
    assert wanted.instance_types[1].placement == Placement()
    assert wanted.images[0].pull_secret == "team-registry"


def test_it_survives_the_database_and_is_no_change_the_second_time(sqlite_database: Database) -> None:
    catalog = parse_catalog(GOOD.encode())
    assert apply_catalog(sqlite_database, catalog)
    assert apply_catalog(sqlite_database, catalog) == []
    with sqlite_database.read() as uow:
        assert uow.catalog.instance_types() == list(declared(catalog).instance_types)
        assert uow.catalog.images() == list(declared(catalog).images)
    other = parse_catalog(GOOD.replace("interactive", "batch").encode())
    assert [str(c) for c in apply_catalog(sqlite_database, other)] == ["~ instance type gpu (placement)"]


def test_json_brings_a_placement_back() -> None:
    placement = declared(parse_catalog(GOOD.encode())).instance_types[0].placement
    assert Placement.from_json(json.loads(json.dumps(placement.to_json()))) == placement


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("node_selector: {-x: y}", "node_selector", "must be a label key"),
        ("node_selector: {UPPER.case/x: y}", "node_selector", "must be a label key"),
        ("node_selector: {x: 'a b'}", "node_selector.x", "must be a label value"),
        (f"node_selector: {{x: {'y' * 64}}}", "node_selector.x", "must be a label value"),
        ("node_selector: {x: 5}", "node_selector.x", "valid string"),
        ("tolerations: [{key: a, operator: Like}]", "tolerations[0].operator", "'Exists' or 'Equal'"),
        ("tolerations: [{key: a, effect: NoSchedul}]", "tolerations[0].effect", "'NoSchedule'"),
        ("tolerations: [{value: a}]", "tolerations[0]", "without a key needs operator: Exists"),
        ("tolerations: [{key: a, operator: Exists, value: b}]", "tolerations[0]", "takes no value"),
        ("tolerations: [{key: a, value: b, tolerationSeconds: 5}]", "tolerations[0]", "needs effect: NoExecute"),
        ("tolerations: [{key: a b, operator: Exists}]", "tolerations[0].key", "must be a label key"),
        ("tolerations: [{key: a, seconds: 5}]", "tolerations[0].seconds", "is not a known field here"),
        ("tolerations: {key: a}", "tolerations", "valid list"),
        ("affinity: {nodeAfinity: {}}", "affinity.nodeAfinity", "is not a known field here"),
        (
            "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {}}]}}",
            "topologyKey",
            "Field required",
        ),
        (
            "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{}]}}}",
            "nodeSelectorTerms[0]",
            "needs matchExpressions or matchFields",
        ),
        (
            "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 101, preference:"
            " {matchExpressions: [{key: a, operator: Exists}]}}]}}",
            "weight",
            "less than or equal to 100",
        ),
        ("priority_class: High", "priority_class", "lower-case letters"),
        ("shared_memory: lots", "shared_memory", "is not a quantity"),
        ("shared_memory: 2Gi", "shared_memory", "is above the memory limit of 1 GiB"),
        ("requests: {cpu: 2}", "requests.cpu", "asks for 2 CPU, above its limit of 1 CPU"),
    ],
)
def test_refusals_name_file_line_and_field(text: str, field: str, message: str) -> None:
    with pytest.raises(CatalogError) as refusal:
        parse_catalog(size(text), "c.yaml")
    lines = refusal.value.message.splitlines()
    assert any(line.startswith("c.yaml:5:") and field in line and message in line for line in lines), lines


def test_a_pull_secret_is_a_name() -> None:
    with pytest.raises(CatalogError, match=r"c.yaml:3:29: images\[0\].pull_secret: must be up to 253"):
        parse_catalog(b"version: 1\nimages:\n  - {name: a, reference: b, pull_secret: ../x}", "c.yaml")
