"""What translators share: the entry that becomes a part of the catalog, and the tools they work with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from collegium.catalog.primehub.findings import Findings, Where
from collegium.catalog.primehub.names import label, prose
from collegium.catalog.primehub.quantities import Amounts
from collegium.catalog.primehub.read import Resource, as_text
from collegium.domain.errors import shorten


@dataclass
class Entry:
    """One entry of a section; ``comments`` are written above it, after its ``origin`` or the object it came from.

    What was said of the object is written above the one entry that has no ``origin``.
    """

    where: Where
    data: dict[str, Any]
    comments: list[str] = field(default_factory=list)
    origin: str = ""

    @property
    def name(self) -> str:
        """Its name in the catalog."""
        return str(self.data["name"])


@dataclass(frozen=True)
class Tools:
    """Where translators say what they found, and read amounts."""

    findings: Findings
    amounts: Amounts


def described(resource: Resource, name: str, tools: Tools) -> dict[str, Any]:
    """The fields that all kinds of objects begin with."""
    found, where, spec = tools.findings, resource.where, resource.spec
    data: dict[str, Any] = {"name": name}
    if shown := label(as_text(spec.get("displayName"), where, "displayName", found), where, "displayName", found):
        data["display_name"] = shown
    if text := prose(as_text(spec.get("description"), where, "description", found), where, "description", found):
        data["description"] = text
    return data


def report_unknown(resource: Resource, known: Iterable[str], tools: Tools) -> None:
    """Say which fields nobody here knows, without their values: they may be secrets."""
    for name in sorted(resource.spec.keys() - set(known)):
        tools.findings.lost(resource.where, f"spec.{shorten(name)}", "is not a field that is known here")


def report_notes(resource: Resource, known: Mapping[str, str], tools: Tools) -> None:
    """Say which of PrimeHub's annotations are not understood; those of Kubernetes itself do not matter here."""
    for name in resource.annotations:
        domain, _, last = name.rpartition("/")
        if "primehub.io" in domain and last not in known:
            tools.findings.lost(resource.where, f"annotation {shorten(name)}", "is not known here")
