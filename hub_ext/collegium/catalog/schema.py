"""The form of ``catalog.yaml``; its JSON schema is ``docs/catalog.schema.json``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from collegium.catalog.checked import Strict, checked
from collegium.catalog.placement import Affinity, DnsName, LabelMap, Toleration
from collegium.domain.catalog import AccessMode, SourceKind
from collegium.domain.datasets import MAX_LICENCE
from collegium.domain.errors import DomainError
from collegium.domain.groups import Role
from collegium.domain.names import check_env_name, check_group_name, check_label, check_object_name, check_user_name
from collegium.domain.quota import Limits
from collegium.domain.resources import MEMORY, Resources, parse_quantity
from collegium.domain.tags import check_tags

ObjectName = Annotated[str, checked(check_object_name)]
GroupName = Annotated[str, checked(check_group_name)]
UserName = Annotated[str, checked(check_user_name)]
Label = Annotated[str, checked(check_label)]
EnvName = Annotated[str, checked(check_env_name)]
Text = Annotated[str, Field(max_length=2000)]
#: Quantities as Kubernetes writes them: ``500m``, ``2``, ``4Gi``.
Quantity = str | int


def _parse_each(parse: Callable[[dict[str, Quantity]], Any]) -> AfterValidator:
    def validate(value: dict[str, Quantity]) -> dict[str, Quantity]:
        try:
            parse(value)
        except DomainError as error:
            field = str(error.details.get("field", "")).rpartition(".")[2]
            raise ValueError(f"{field}: {error.message.partition(': ')[2]}") from None
        return value

    return AfterValidator(validate)


def _parse_bytes(value: Quantity) -> Quantity:
    parse_quantity(value, MEMORY)
    return value


ResourceMap = Annotated[dict[str, Quantity], _parse_each(Resources.parse)]
#: An amount of memory.
Bytes = Annotated[Quantity, checked(_parse_bytes)]
LimitMap = Annotated[dict[str, Quantity], _parse_each(Limits.parse)]


class UserEntry(Strict):
    """A person who logs in with a password kept here. Without a ``password_hash`` one is made at the first start."""

    name: UserName
    display_name: Annotated[str, Field(max_length=120)] = ""
    platform_admin: bool = False
    password_hash: Annotated[str, Field(pattern=r"^\$argon2id\$[\x21-\x7e]{20,240}$")] | None = None


class InstanceTypeEntry(Strict):
    """A size. ``limits`` are enforced and counted; ``everyone`` grants it to all groups.

    ``requests`` are what a cluster sets aside for it, the limits where they are left out. ``node_selector``,
    ``tolerations``, ``affinity``, ``priority_class`` and ``shared_memory`` (the size of /dev/shm) are for Kubernetes.
    """

    name: ObjectName
    display_name: Label | None = None
    description: Text = ""
    limits: ResourceMap
    requests: ResourceMap = Field(default_factory=dict)
    node_selector: LabelMap = Field(default_factory=dict)
    tolerations: Annotated[list[Toleration], Field(max_length=100)] = Field(default_factory=list)
    affinity: Affinity | None = None
    priority_class: DnsName | None = None
    shared_memory: Bytes | None = None
    everyone: bool = False


class ImageEntry(Strict):
    """Software. ``reference`` is a container image; ``environment`` a Python prefix here, ``hub`` for the hub's own.

    ``pull_secret`` names the secret with which ``reference`` is pulled, if its registry asks for one.
    """

    name: ObjectName
    display_name: Label | None = None
    description: Text = ""
    reference: Annotated[str, Field(max_length=500)] = ""
    environment: Annotated[str, Field(max_length=1000)] = ""
    variables: dict[EnvName, str] = Field(default_factory=dict)
    pull_secret: DnsName | None = None
    everyone: bool = False


class DatasetEntry(Strict):
    """Data. ``source`` depends on ``kind``; ``managed`` is a folder of the platform's own file store, or of the group
    that is the ``owner``. ``licence`` is an SPDX id or a text.
    """

    name: ObjectName
    display_name: Label | None = None
    description: Text = ""
    tags: Annotated[list[str], checked(lambda tags: list(check_tags(tags)))] = Field(default_factory=list)
    licence: Annotated[str, Field(max_length=MAX_LICENCE)] = ""
    owner: GroupName | None = None
    kind: SourceKind
    source: dict[str, str] = Field(default_factory=dict)
    everyone: bool = False


class MemberEntry(Strict):
    """A member's role, and limits of their own where they differ from the group's ``member_limits``."""

    role: Role
    limits: LimitMap | None = None


class DatasetGrant(Strict):
    """A dataset granted with write access."""

    name: ObjectName
    access: AccessMode = AccessMode.READ_ONLY


def _short_form(field: str) -> Callable[[Any], Any]:
    return lambda value: {field: value} if isinstance(value, str) else value


#: ``ann: admin`` is short for ``ann: {role: admin}``.
Member = Annotated[MemberEntry, BeforeValidator(_short_form("role"), json_schema_input_type=Role | MemberEntry)]
#: ``- digits`` is short for ``- {name: digits}``.
Granted = Annotated[DatasetGrant, BeforeValidator(_short_form("name"), json_schema_input_type=str | DatasetGrant)]


class GroupEntry(Strict):
    """A group: the unit of quota and of sharing. A limit left out is no limit, 0 is none.

    ``invitations`` lets the group's admins invite people, where an identity provider with an account for it is set up.
    """

    name: GroupName
    display_name: Label | None = None
    description: Text = ""
    contact: Annotated[str, Field(max_length=200)] = ""
    limits: LimitMap = Field(default_factory=dict)
    member_limits: LimitMap = Field(default_factory=dict)
    invitations: bool = False
    members: dict[UserName, Member] = Field(default_factory=dict)
    instance_types: list[ObjectName] = Field(default_factory=list)
    images: list[ObjectName] = Field(default_factory=list)
    datasets: list[Granted] = Field(default_factory=list)


class CatalogFile(Strict):
    """The whole file."""

    version: Literal[1]
    users: list[UserEntry] = Field(default_factory=list, max_length=10000)
    instance_types: list[InstanceTypeEntry] = Field(default_factory=list, max_length=1000)
    images: list[ImageEntry] = Field(default_factory=list, max_length=1000)
    datasets: list[DatasetEntry] = Field(default_factory=list, max_length=10000)
    groups: list[GroupEntry] = Field(default_factory=list, max_length=10000)


def json_schema() -> dict[str, Any]:
    """The JSON schema for editors and other tools."""
    schema = CatalogFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Collegium catalog", **schema}
