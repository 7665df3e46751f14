"""Wire models of groups: context, usage, quota, and what may be launched."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from collegium.domain.groups import Role
from collegium.domain.quota import WorkloadKind
from collegium.services.identity.models import AccountLinks
from collegium.services.members.models import RevocationOut


class InfoOut(BaseModel):
    """Which program answers, for clients that must know whether they fit."""

    name: str
    version: str
    api_version: str
    oldest_client: str


class UserOut(BaseModel):
    """The person the token belongs to."""

    name: str
    platform_admin: bool


class GroupRef(BaseModel):
    """A group one belongs to, and the role there."""

    name: str
    display_name: str
    description: str
    role: Role | None


class ServerOut(BaseModel):
    """One of the caller's servers that holds quota; ``name`` is JupyterHub's server name."""

    name: str
    group: str
    instance_type: str
    since: datetime


class ContextOut(BaseModel):
    """What a sidebar needs first. ``notice`` says what the backend does not enforce.

    ``ending`` is what the caller runs without a right to it any more, and when it is stopped.
    """

    user: UserOut
    groups: list[GroupRef]
    servers: list[ServerOut]
    no_group_message: str
    notice: str
    account: AccountLinks
    ending: list[RevocationOut]


class GroupOut(GroupRef):
    """A group, with what the caller may do in it and why."""

    contact: str
    admins: list[str]
    operations: dict[str, PermissionOut]


class PermissionOut(BaseModel):
    """May the caller do this, by role and by token, and the reason."""

    allowed: bool
    reason: str


class QuotaLine(BaseModel):
    """One resource. ``used`` and ``limit`` are whole numbers of ``unit``; no limit is null, none is 0."""

    resource: str
    unit: Literal["millicores", "bytes", "count"]
    used: int
    limit: int | None
    used_text: str
    limit_text: str | None


class HolderOut(BaseModel):
    """A workload that holds quota now. ``id`` is a job's id or a server's name."""

    user: str
    kind: WorkloadKind
    id: str
    label: str
    state: str
    instance_type: str
    resources: dict[str, str]
    since: datetime


class UsageOut(BaseModel):
    """The group's use and limits, the caller's, and who holds what."""

    group: list[QuotaLine]
    mine: list[QuotaLine]
    by_kind: dict[str, dict[str, str]]
    by_member: dict[str, dict[str, str]]
    holders: list[HolderOut]


class InstanceTypeOut(BaseModel):
    """A size, and whether the caller could start it: ``now``, ``wait`` (quota in use) or ``never``."""

    name: str
    display_name: str
    description: str
    resources: dict[str, str]
    summary: str
    fits: Literal["now", "wait", "never"]
    reason: str
    left: dict[str, str]


class ImageOut(BaseModel):
    """An image of the group."""

    name: str
    display_name: str
    description: str


class DatasetOut(BaseModel):
    """A dataset granted to the group."""

    name: str
    display_name: str
    description: str
    kind: str
    access: str


class CatalogOut(BaseModel):
    """All that the group may choose from."""

    instance_types: list[InstanceTypeOut]
    images: list[ImageOut]
    datasets: list[DatasetOut]


class ErrorBody(BaseModel):
    """``code`` for programs, ``message`` for people, ``details`` facts."""

    code: str
    message: str
    details: dict[str, Any] = {}
    request_id: str


class ErrorOut(BaseModel):
    """Every refusal has this shape."""

    error: ErrorBody


GroupOut.model_rebuild()
