"""InstanceType → instance type."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from collegium.catalog.placement import LabelMap, Toleration
from collegium.catalog.primehub.entries import Entry, Tools, described, report_notes, report_unknown
from collegium.catalog.primehub.read import Resource, as_list, as_mapping, as_text
from collegium.domain.errors import InvalidInput, shorten
from collegium.domain.resources import CPU, MEMORY, check_resource_name, parse_quantity

NVIDIA = "nvidia.com/gpu"
_LABELS: TypeAdapter[dict[str, str]] = TypeAdapter(LabelMap)
_KNOWN = ("displayName", "description", "gpuResourceName", "nodeSelector", "tolerations")


def instance_type(resource: Resource, name: str, tools: Tools) -> Entry:
    """Translate one; what is wrong with it is a problem, for a limit left out would be no limit."""
    data = described(resource, name, tools)
    data["limits"] = limits = _amounts(resource, "limits", tools)
    for needed in (CPU, MEMORY):
        field = f"limits.{needed}"
        if field not in resource.spec:
            tools.findings.problem(resource.where, field, "is missing: without it the size would have no limit")
        elif limits.get(needed) == "0":
            tools.findings.problem(resource.where, field, "is 0, with which nothing can run")
    requests = {k: v for k, v in _amounts(resource, "requests", tools).items() if _fits(resource, k, v, limits, tools)}
    if requests:
        data["requests"] = requests
    if selector := _selector(resource, tools):
        data["node_selector"] = selector
    if tolerations := _tolerations(resource, tools):
        data["tolerations"] = tolerations
    amounts = [f for f in resource.spec if f.startswith(("limits.", "requests."))]
    report_unknown(resource, [*_KNOWN, *amounts], tools)
    report_notes(resource, {}, tools)
    return Entry(resource.where, data)


def gpu_resources(entries: list[Entry]) -> list[str]:
    """The resources that PrimeHub counts as GPUs, in these sizes."""
    names = {name for e in entries for name in e.data["limits"] if name not in (CPU, MEMORY)}
    return sorted(names) or [NVIDIA]


def _amounts(resource: Resource, prefix: str, tools: Tools) -> dict[str, str]:
    found: dict[str, str] = {}
    where = resource.where
    for field, value in resource.spec.items():
        head, dot, what = field.partition(".")
        # An empty field is one that the form left out.
        if head != prefix or not dot or value is None or value == "":
            continue
        if what == "gpu":
            what = as_text(resource.spec.get("gpuResourceName"), where, "gpuResourceName", tools.findings) or NVIDIA
        if what == CPU:
            amount = tools.amounts.cpu(where, field, value)
        elif what == MEMORY:
            amount = tools.amounts.memory(where, field, value)
        else:
            try:
                check_resource_name(what)
            except InvalidInput as refusal:
                tools.findings.problem(where, field, refusal.message.partition(": ")[2])
                continue
            amount = tools.amounts.count(where, field, value, what)
            if amount == "0":
                continue
        if amount is None:
            continue
        if found.get(what, amount) != amount:
            tools.findings.problem(where, field, f"contradicts another {prefix} of {what}: {found[what]} and {amount}")
        found[what] = amount
    return found


def _fits(resource: Resource, what: str, amount: str, limits: dict[str, str], tools: Tools) -> bool:
    if what in limits and parse_quantity(amount, what) <= parse_quantity(limits[what], what):
        return True
    most = limits.get(what, "0")
    tools.findings.changed(
        resource.where,
        f"requests.{what}",
        f"asks for {amount}, above its limit of {most}; the limit is requested instead",
    )
    return False


def _selector(resource: Resource, tools: Tools) -> dict[str, str]:
    where = resource.where
    given = as_mapping(resource.spec.get("nodeSelector"), where, "nodeSelector", tools.findings)
    selector = {k: as_text(v, where, f"nodeSelector.{k}", tools.findings) for k, v in given.items()}
    try:
        return _LABELS.validate_python(selector)
    except ValidationError as error:
        # Without it work would run on nodes that it was kept from.
        tools.findings.problem(where, "nodeSelector", _first(error))
        return {}


def _tolerations(resource: Resource, tools: Tools) -> list[dict[str, Any]]:
    found = []
    for i, item in enumerate(as_list(resource.spec.get("tolerations"), resource.where, "tolerations", tools.findings)):
        field = f"tolerations[{i}]"
        given = dict(as_mapping(item, resource.where, field, tools.findings))
        if given.get("effect") in ("None", ""):
            del given["effect"]
            tools.findings.changed(resource.where, f"{field}.effect", "None is every effect")
        if given.get("operator") == "Exists" and given.get("value"):
            tools.findings.changed(resource.where, f"{field}.value", "has no meaning with Exists and was left out")
            del given["value"]
        try:
            found.append(Toleration.model_validate({k: v for k, v in given.items() if v is not None}).manifest())
        except ValidationError as error:
            tools.findings.lost(resource.where, field, f"is none that Kubernetes knows: {_first(error)}")
    return found


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(p) for p in first["loc"] if p != "[key]")
    return (
        f"{place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')} (got {shorten(first['input'])})"
    )
