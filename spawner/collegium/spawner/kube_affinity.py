"""Two affinities that must both hold, as one: the operator's and that of an instance type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def both(present: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """What satisfies ``present`` and ``wanted``; None if there is nothing to satisfy."""
    first = present or {}
    found = {}
    for section in ("nodeAffinity", "podAffinity", "podAntiAffinity"):
        one, other = first.get(section) or {}, wanted.get(section) or {}
        merged = {PREFERRED: [*one.get(PREFERRED, []), *other.get(PREFERRED, [])]}
        if section == "nodeAffinity":
            merged[REQUIRED] = _required_nodes(one.get(REQUIRED), other.get(REQUIRED))
        else:
            merged[REQUIRED] = [*one.get(REQUIRED, []), *other.get(REQUIRED, [])]
        if kept := {k: v for k, v in merged.items() if v}:
            found[section] = kept
    return found or None


def _required_nodes(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> Any:
    """Terms are alternatives, so both hold where one term of each holds: every pair of terms, joined."""
    if not one or not other:
        return one or other
    terms = []
    for left in one["nodeSelectorTerms"]:
        for right in other["nodeSelectorTerms"]:
            term = {
                key: [*(left.get(key) or []), *(right.get(key) or [])] for key in ("matchExpressions", "matchFields")
            }
            terms.append({k: v for k, v in term.items() if v})
    return {"nodeSelectorTerms": terms}
