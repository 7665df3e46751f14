"""Looks up datasets for a group, refuses what is not its own, and writes down what is done to one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from collegium.db import UnitOfWork
from collegium.db.catalog import EVERY_GROUP
from collegium.domain.audit import AuditEntry
from collegium.domain.catalog import AccessMode, Dataset
from collegium.domain.datasets import DatasetUse
from collegium.domain.errors import Conflict, Forbidden, NotFound, shorten
from collegium.domain.groups import Actor, ManagedBy
from collegium.domain.policy import Operation, explain
from collegium.services.by import By
from collegium.services.datasets.views import use_out

#: The kind of the events that tell of datasets.
EVENT = "dataset"
#: How many workloads a refusal lists.
LISTED = 20


def granted(uow: UnitOfWork, group: str, name: str, *, lock: bool = False) -> tuple[Dataset, AccessMode]:
    """A dataset that the group may use, and how. Raises NotFound, whether there is another's of this name or none."""
    dataset = uow.datasets.get(name, lock=lock)
    access = uow.datasets.access_to(group, name) if dataset else None
    if dataset is None or access is None:
        raise NotFound(f"Group {group} has no dataset {shorten(name)}.")
    return dataset, AccessMode.READ_WRITE if dataset.owner == group else access


def owned(uow: UnitOfWork, group: str, name: str, *, lock: bool = True) -> Dataset:
    """A dataset whose owner the group is. Raises NotFound, Forbidden."""
    dataset, _ = granted(uow, group, name, lock=lock)
    if dataset.owner != group:
        whose = f"group {dataset.owner}" if dataset.owner else "the platform"
        raise Forbidden(f"Dataset {name} belongs to {whose}; group {group} may only use it.")
    return dataset


def require(actor: Actor, operation: Operation, group: str, owner: str) -> None:
    """Raise Forbidden where somebody else's object needs a higher role."""
    verdict = explain(actor, operation, group, owner)
    if not verdict.allowed:
        raise Forbidden(verdict.reason)


def refuse_file(dataset: Dataset) -> None:
    """Raise Conflict for one that the catalog file declares."""
    if dataset.managed_by is ManagedBy.FILE:
        raise Conflict(f"Dataset {dataset.name} is declared in the catalog file; change it there.")


def refuse_used(what: str, uses: Sequence[DatasetUse]) -> None:
    """Raise Conflict, with the list, while something has it."""
    if uses:
        shown = ", ".join(f"{u.kind} {shorten(u.label or u.workload_id, 40)} of {u.user}" for u in uses[:5])
        more = f" and {len(uses) - 5} more" if len(uses) > 5 else ""
        raise Conflict(
            f"{what} is in use by {shown}{more}; it can go when they have ended.",
            count=len(uses),
            uses=[use_out(u).model_dump(mode="json") for u in uses[:LISTED]],
        )


def record(
    uow: UnitOfWork,
    by: By,
    dataset: Dataset,
    action: str,
    at: datetime,
    told: tuple[str, str],
    *,
    group: str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """A line of the audit log, and an event for the owner, or for ``group``; ``told`` is a state and a sentence."""
    where = dataset.owner if group is None else group
    where = "" if where == EVERY_GROUP else where
    user, state, text = by.actor.user, *told
    uow.audit.append(AuditEntry(at, user, action, dataset.name, where, details=details or {}, request_id=by.request_id))
    if where:
        reason = f"Dataset{state}"
        uow.events.append(where, EVENT, dataset.name, at, state, reason, text, name=dataset.display_name, user=user)
