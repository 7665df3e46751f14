"""What one user may start now, looked up in one consistent read: the data behind the spawn form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jupyterhub.utils import url_path_join

from collegium.catalog.mounts import mounts_of
from collegium.db import UnitOfWork
from collegium.domain.catalog import AccessMode, InstanceType, Offer, SourceKind
from collegium.domain.errors import Unavailable
from collegium.domain.identity import refuse_unconfirmed
from collegium.domain.launch import OPTION_NAMES
from collegium.domain.mounts import Mount, MountAbilities
from collegium.domain.policy import Operation, explain
from collegium.domain.quota import GroupUsage, WorkloadKind
from collegium.quota.ledger import usage
from collegium.quota.meters import Meter, meters


@dataclass(frozen=True)
class Choice:
    """An instance type or image. ``problem`` says why it cannot be chosen now; empty if it can."""

    name: str
    title: str
    description: str
    cost: str = ""
    problem: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class DatasetLine:
    """A dataset that a server of the group gets. ``problem`` says why not now; empty if it does."""

    title: str
    path: str
    access: str
    problem: str = ""


@dataclass(frozen=True)
class GroupChoices:
    """One group as the form shows it. ``problem`` is set where nothing can be started in it at all.

    ``running_url`` opens the server of the group if one runs; ``note`` is about its datasets.
    """

    name: str
    title: str
    role: str
    description: str
    contact: str
    instance_types: tuple[Choice, ...]
    images: tuple[Choice, ...]
    meters: tuple[Meter, ...]
    problem: str = ""
    running_url: str = ""
    datasets: tuple[DatasetLine, ...] = ()
    note: str = ""

    @property
    def startable(self) -> bool:
        """True if something can be chosen here."""
        return not self.problem


@dataclass(frozen=True)
class FormView:
    """The whole form: ``selected`` is a group's name, empty if there is none; ``admins`` are whom to ask."""

    user: str
    server: str
    spawn_url: str
    groups: tuple[GroupChoices, ...]
    selected: str
    admins: tuple[str, ...]


async def gather(spawner: Any) -> FormView:
    """Look at the database and at the user's servers. Raises Unavailable."""
    user = spawner.user
    previous = _previous_options(spawner)
    running = {name: user.server_url(name) for name, other in user.spawners.items() if name and other.ready}
    spawn_url = url_path_join(spawner.hub.base_url, "spawn", user.escaped_name)
    name, server = user.name, spawner.name
    look = _Look(name, server, spawn_url, previous, running, lambda: spawner.mount_abilities)
    view: FormView = await spawner.database.reading(look)
    return view


@dataclass(frozen=True)
class _Look:
    user: str
    server: str
    spawn_url: str
    previous: Mapping[str, Mapping[str, str]]
    running: Mapping[str, str]
    #: Asked in the thread that looks: to find out may take a moment.
    abilities: Callable[[], MountAbilities] = MountAbilities

    def __call__(self, uow: UnitOfWork) -> FormView:
        actor, waits, abilities = uow.memberships.actor(self.user), _waits(uow), self.abilities()
        groups = []
        for name in sorted(actor.roles):
            row = uow.groups.get(name)
            if row is None:
                continue
            now, offer = usage(uow, name), uow.catalog.offer(name)
            wanted = self.previous.get(name, {})
            types = _choose([self._type(t, now) for t in offer.instance_types], wanted.get("instance_type"))
            images = _choose([Choice(i.name, i.display_name, i.description) for i in offer.images], wanted.get("image"))
            verdict = explain(actor, Operation.SERVER_START, name)
            datasets = _datasets(uow, offer, abilities)
            groups.append(
                GroupChoices(
                    name,
                    row.display_name,
                    actor.roles[name].label,
                    row.description,
                    row.contact,
                    types,
                    images,
                    meters(now, self.user),
                    waits
                    if verdict.allowed
                    else f"As {actor.roles[name].label} you can look but not start servers here.",
                    self.running.get(name, ""),
                    datasets,
                    "" if abilities.enforced else abilities.notice,
                )
            )
        groups = [_with_problem(g) for g in groups]
        admins = tuple(u.display_name or u.name for u in uow.users.all() if u.platform_admin)
        return FormView(self.user, self.server, self.spawn_url, tuple(groups), self._selected(groups), admins)

    def _type(self, instance_type: InstanceType, now: GroupUsage) -> Choice:
        decision = now.decide(self.user, WorkloadKind.SERVER, instance_type.limits)
        return Choice(
            instance_type.name,
            instance_type.display_name,
            instance_type.description,
            instance_type.limits.describe(),
            decision.message(),
        )

    def _selected(self, groups: list[GroupChoices]) -> str:
        names = [g.name for g in groups if g.startable]
        if self.server in [g.name for g in groups]:
            return self.server
        for name in (self.previous.get("", {}).get("group"), *names):
            if name in names:
                return str(name)
        return groups[0].name if groups else ""


def _datasets(uow: UnitOfWork, offer: Offer, abilities: MountAbilities) -> tuple[DatasetLine, ...]:
    titles = {d.name: d.display_name for d, _ in offer.datasets}
    words = {AccessMode.READ_ONLY: "read only", AccessMode.READ_WRITE: "read and write"}
    return tuple(
        DatasetLine(
            titles[m.dataset],
            f"collegium://{offer.group}/.datasets/{m.dataset}" if _is_address(m) else abilities.shown(m),
            "variables" if m.kind is SourceKind.ENVIRONMENT else words[m.access],
            m.problem,
        )
        for m in mounts_of(uow, offer, abilities)
        if m.dataset
    )


def _is_address(mount: Mount) -> bool:
    return not mount.path and mount.kind is not SourceKind.ENVIRONMENT


def _waits(uow: UnitOfWork) -> str:
    """Why nothing new begins for anybody now, in the words that a start would be refused with; empty if it may."""
    try:
        refuse_unconfirmed(uow.providers.current(), "Starting a server")
    except Unavailable as error:
        return error.message
    return ""


def _choose(found: list[Choice], wanted: str | None) -> tuple[Choice, ...]:
    """Mark the wanted one if it can be had, else the first that can."""
    possible = [c.name for c in found if not c.problem]
    chosen = wanted if wanted in possible else (possible[0] if possible else None)
    return tuple(Choice(c.name, c.title, c.description, c.cost, c.problem, c.name == chosen) for c in found)


def _with_problem(group: GroupChoices) -> GroupChoices:
    problem = group.problem
    if not problem and not group.instance_types:
        problem = "This group was granted no instance type yet; ask a platform admin."
    elif not problem and not group.images:
        problem = "This group was granted no image yet; ask a platform admin."
    elif not problem and all(t.problem for t in group.instance_types):
        problem = "There is no room for any instance type now; the reasons stand beside each."
    return GroupChoices(**{**vars(group), "problem": problem})


def _previous_options(spawner: Any) -> dict[str, Mapping[str, str]]:
    """What was asked for last: by group, and under "" by this server."""
    found: dict[str, Mapping[str, str]] = {}
    for name, orm in spawner.user.orm_spawners.items():
        options = _clean(orm.user_options)
        if options.get("group") and name in ("", options["group"]):
            found.setdefault(options["group"], options)
    own = _clean(spawner.user_options or getattr(spawner.orm_spawner, "user_options", None))
    return {**found, **({own["group"]: own, "": own} if own.get("group") else {})}


def _clean(options: Any) -> dict[str, str]:
    if not isinstance(options, Mapping):
        return {}
    return {k: v for k, v in options.items() if k in OPTION_NAMES and isinstance(v, str)}
