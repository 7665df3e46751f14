"""The form of tolerations and affinity in ``catalog.yaml``: as Kubernetes writes them, and as strict as it is."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from collegium.catalog.checked import Strict, checked
from collegium.domain.labels import check_dns_name, check_label_key, check_label_value

LabelKey = Annotated[str, checked(check_label_key)]
LabelValue = Annotated[str, checked(check_label_value)]
DnsName = Annotated[str, checked(check_dns_name)]
LabelMap = Annotated[dict[LabelKey, LabelValue], Field(max_length=100)]
Weight = Annotated[int, Field(ge=1, le=100, strict=True)]
_MANY: Any = Field(default_factory=list, max_length=100)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class _Kubernetes(Strict):
    """Fields are spelled as in Kubernetes manifests."""

    model_config = ConfigDict(alias_generator=_camel)

    def manifest(self) -> dict[str, Any]:
        """What was written, ready for a manifest."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


class Toleration(_Kubernetes):
    """Lets pods onto nodes with a matching taint. Without ``key`` it matches all; ``operator`` is Equal if left out."""

    key: LabelKey | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: LabelValue = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: Annotated[int, Field(strict=True)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.key is None and self.operator != "Exists":
            raise ValueError("a toleration without a key needs operator: Exists")
        if self.operator == "Exists" and self.value:
            raise ValueError(f"operator Exists takes no value (got {self.value})")
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise ValueError("tolerationSeconds needs effect: NoExecute")
        return self


class NodeRequirement(_Kubernetes):
    """A condition on a node's label."""

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: Annotated[list[LabelValue], _MANY]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_values(self.operator, self.values)
        return self


class FieldRequirement(_Kubernetes):
    """A condition on the one field of a node that can be matched: its name."""

    key: Literal["metadata.name"]
    operator: Literal["In", "NotIn"]
    values: Annotated[list[DnsName], Field(min_length=1, max_length=1)]


class LabelRequirement(_Kubernetes):
    """A condition on a pod's or namespace's label."""

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Annotated[list[LabelValue], _MANY]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_values(self.operator, self.values)
        return self


def _check_values(operator: str, values: list[str]) -> None:
    if operator in ("In", "NotIn") and not values:
        raise ValueError(f"operator {operator} needs values")
    if operator in ("Exists", "DoesNotExist") and values:
        raise ValueError(f"operator {operator} takes no values (got {len(values)})")
    if operator in ("Gt", "Lt") and not (len(values) == 1 and values[0].isdecimal()):
        raise ValueError(f"operator {operator} needs exactly one value, a whole number")


class NodeTerm(_Kubernetes):
    """All of these must hold."""

    match_expressions: Annotated[list[NodeRequirement], _MANY]
    match_fields: Annotated[list[FieldRequirement], _MANY]

    @model_validator(mode="after")
    def _matches_something(self) -> Self:
        # To Kubernetes an empty term matches no node at all: nothing would ever start.
        if not self.match_expressions and not self.match_fields:
            raise ValueError("needs matchExpressions or matchFields")
        return self


class NodeSelector(_Kubernetes):
    """One of these terms must hold."""

    node_selector_terms: Annotated[list[NodeTerm], Field(min_length=1, max_length=100)]


class PreferredNodes(_Kubernetes):
    """Nodes to prefer."""

    weight: Weight
    preference: NodeTerm


class NodeAffinity(_Kubernetes):
    """Which nodes."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: Annotated[list[PreferredNodes], _MANY]


class LabelSelector(_Kubernetes):
    """Which pods or namespaces, by label; an empty one matches all."""

    match_labels: LabelMap = Field(default_factory=dict)
    match_expressions: Annotated[list[LabelRequirement], _MANY]


class PodTerm(_Kubernetes):
    """Pods to be near to or far from, where near means the same value of the node label ``topologyKey``."""

    label_selector: LabelSelector | None = None
    topology_key: LabelKey
    namespaces: Annotated[list[DnsName], _MANY]
    namespace_selector: LabelSelector | None = None


class PreferredPods(_Kubernetes):
    """Pods to prefer being near to or far from."""

    weight: Weight
    pod_affinity_term: PodTerm


class PodAffinity(_Kubernetes):
    """Near to, or far from, which pods."""

    required_during_scheduling_ignored_during_execution: Annotated[list[PodTerm], _MANY]
    preferred_during_scheduling_ignored_during_execution: Annotated[list[PreferredPods], _MANY]


class Affinity(_Kubernetes):
    """Where pods should and should not go."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None
