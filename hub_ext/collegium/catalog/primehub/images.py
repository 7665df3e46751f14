"""Image → image, and one more where PrimeHub kept a second build for GPUs."""

from __future__ import annotations

from typing import Any

from collegium.catalog.primehub.entries import Entry, Tools, described, report_notes, report_unknown
from collegium.catalog.primehub.read import Resource, as_list, as_mapping, as_text
from collegium.domain.errors import InvalidInput, shorten
from collegium.domain.labels import check_dns_name
from collegium.domain.names import MAX_LABEL, check_object_name

_KNOWN = ("displayName", "description", "type", "url", "urlForGpu", "pullSecret", "groupName", "imageSpec")
_MAX_REFERENCE = 500
_TYPES = ("cpu", "gpu", "both", "")


def image(resource: Resource, name: str, taken: set[str], tools: Tools) -> list[Entry]:
    """Translate one into as many as it takes: none if it has never been built."""
    found, where, spec = tools.findings, resource.where, resource.spec
    report_unknown(resource, _KNOWN, tools)
    report_notes(resource, {}, tools)
    kind = as_text(spec.get("type"), where, "type", found)
    if kind not in _TYPES:
        found.problem(where, "type", f"is not cpu, gpu or both (got {shorten(kind)})")
    elif kind in ("cpu", "gpu"):
        found.lost(where, "type", f"is {kind}; which sizes an image is for is not part of the catalog")
    reference, for_gpu = _reference(resource, "url", tools), _reference(resource, "urlForGpu", tools)
    comments = _build(resource, bool(reference or for_gpu), tools)
    main = reference or for_gpu
    if not main:
        if not spec.get("imageSpec"):
            found.problem(where, "url", "is missing")
        return []
    data = {**described(resource, name, tools), "reference": main}
    if secret := _secret(resource, "pullSecret", spec.get("pullSecret"), tools):
        data["pull_secret"] = secret
    entries = [Entry(where, data, comments)]
    if for_gpu and for_gpu != main:
        entries += _second(resource, data, for_gpu, taken, tools)
    return entries


def _second(resource: Resource, first: dict[str, Any], reference: str, taken: set[str], tools: Tools) -> list[Entry]:
    name = f"{first['name']}-gpu"
    try:
        check_object_name(name)
    except InvalidInput:
        name = ""
    if not name or name in taken:
        tools.findings.lost(
            resource.where, "urlForGpu", f"{shorten(reference)}: there is no free name for a second image"
        )
        return []
    taken.add(name)
    shown = f"{str(first.get('display_name', first['name']))[: MAX_LABEL - 6]} (GPU)"
    tools.findings.changed(
        resource.where, "urlForGpu", f"is the image {name}; people choose it themselves where they want GPUs"
    )
    data = {**first, "name": name, "display_name": shown, "reference": reference}
    return [Entry(resource.where, data, origin=f"{resource.where.what}, its build for GPUs")]


def _reference(resource: Resource, field: str, tools: Tools) -> str:
    raw = resource.spec.get(field)
    text = as_text(raw, resource.where, field, tools.findings)
    if isinstance(raw, str) and text and text != raw:
        tools.findings.changed(resource.where, field, "had spaces around it")
    if any(c.isspace() or not c.isprintable() for c in text) or len(text) > _MAX_REFERENCE:
        tools.findings.problem(
            resource.where, field, f"must be up to {_MAX_REFERENCE} characters without spaces (got {shorten(text)})"
        )
        return ""
    return text


def _secret(resource: Resource, field: str, value: Any, tools: Tools) -> str:
    secret = as_text(value, resource.where, field, tools.findings)
    if not secret:
        return ""
    try:
        check_dns_name(secret)
    except InvalidInput as refusal:
        tools.findings.problem(resource.where, field, refusal.message.partition(": ")[2])
        return ""
    tools.findings.todo(resource.where, field, f"create the secret {secret}; what is in it is not carried over")
    return secret


def _build(resource: Resource, built: bool, tools: Tools) -> list[str]:
    """The recipe of an image that PrimeHub built, as comments: the catalog knows images, not how to build them."""
    where, found = resource.where, tools.findings
    spec = as_mapping(resource.spec.get("imageSpec"), where, "imageSpec", found)
    if not spec:
        return []
    base = as_text(spec.get("baseImage"), where, "imageSpec.baseImage", found)
    lines = [f"built from {base or 'nothing known'}"]
    packages = as_mapping(spec.get("packages"), where, "imageSpec.packages", found)
    for tool, names in packages.items():
        texts = [as_text(n, where, f"imageSpec.packages.{tool}", found) for n in as_list(names, where, tool, found)]
        if texts:
            lines.append(f"with {tool}: {', '.join(texts)}")
    if built:
        found.lost(
            where, "imageSpec", "how it was built is kept as a comment only; the image stays as it was built last"
        )
    else:
        found.lost(where, "imageSpec", f"has never been built, so there is no image to use ({'; '.join(lines)})")
    return lines
