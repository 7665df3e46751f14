"""From what somebody asks to run to what is run: the one resolver behind the form, the hub's API, and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from collegium.domain.catalog import Image, InstanceType, Offer
from collegium.domain.errors import Forbidden, InvalidInput, NotFound, NotGranted
from collegium.domain.groups import Actor
from collegium.domain.mounts import Mount
from collegium.domain.names import check_group_name, check_object_name
from collegium.domain.policy import Operation, explain
from collegium.domain.resources import Resources

OPTION_NAMES = ("group", "instance_type", "image")


@dataclass(frozen=True)
class LaunchOptions:
    """What was asked for, by name."""

    group: str
    instance_type: str
    image: str

    @classmethod
    def from_json(cls, options: Any) -> LaunchOptions:
        """Read a mapping with exactly ``group``, ``instance_type`` and ``image``; raises InvalidInput.

        Nothing has a default: an empty body asks for nothing and gets a refusal, never a fallback.
        """
        if not isinstance(options, Mapping):
            raise InvalidInput("options", f"must be an object with {', '.join(OPTION_NAMES)}", options)
        unknown = sorted(str(k) for k in options if k not in OPTION_NAMES)
        if unknown:
            raise InvalidInput(
                unknown[0], f"is not an option; options are {', '.join(OPTION_NAMES)}", options[unknown[0]]
            )
        for name in OPTION_NAMES:
            if not options.get(name):
                raise InvalidInput(name, "is required; choose one from the form or the catalog of your group")
        return cls(
            check_group_name(options["group"], "group"),
            check_object_name(options["instance_type"], "instance_type"),
            check_object_name(options["image"], "image"),
        )

    def to_json(self) -> dict[str, str]:
        """The mapping that ``from_json`` reads."""
        return {"group": self.group, "instance_type": self.instance_type, "image": self.image}


@dataclass(frozen=True)
class LaunchSpec:
    """What will run: the resolved, granted choice. Stored with the workload as its launch manifest.

    ``mounts`` are filled in by whoever knows the place where it will run.
    """

    group: str
    user: str
    instance_type: InstanceType
    image: Image
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()

    @property
    def resources(self) -> Resources:
        """What is charged: the instance type's limits."""
        return self.instance_type.limits


def resolve(actor: Actor, options: LaunchOptions, offer: Offer, operation: Operation) -> LaunchSpec:
    """Check a choice against the actor's live role and the group's grants.

    Raises NotFound for a group the actor does not belong to (whether it exists or not), Forbidden for a role that may
    not do ``operation``, NotGranted for an image or instance type that the group does not have.
    """
    if actor.role_in(options.group) is None:
        raise NotFound(f"group: no group {options.group} that you belong to", field="group", value=options.group)
    verdict = explain(actor, operation, options.group)
    if not verdict.allowed:
        raise Forbidden(verdict.reason, operation=operation.value, group=options.group)
    if offer.group != options.group:
        raise ValueError(f"offer of {offer.group} used for {options.group}")
    types = {t.name: t for t in offer.instance_types}
    images = {i.name: i for i in offer.images}
    if options.instance_type not in types:
        raise _not_granted("instance_type", options.instance_type, options.group, list(types))
    if options.image not in images:
        raise _not_granted("image", options.image, options.group, list(images))
    return LaunchSpec(options.group, actor.user, types[options.instance_type], images[options.image])


def _not_granted(field: str, value: str, group: str, available: list[str]) -> NotGranted:
    word = field.replace("_", " ")
    choice = f"it may use {', '.join(available)}" if available else f"it has no {word} yet, ask a platform admin"
    return NotGranted(
        f"{field}: group {group} has no {word} {value}; {choice}.", field=field, value=value, available=available
    )
