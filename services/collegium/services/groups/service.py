"""What a group is, uses and offers, as one person sees it."""

from __future__ import annotations

from collections.abc import Mapping

from collegium.db import Database, UnitOfWork
from collegium.domain.catalog import InstanceType
from collegium.domain.errors import NotFound
from collegium.domain.groups import Actor, Group, Role
from collegium.domain.policy import POLICY
from collegium.domain.quota import GroupUsage, Limits, Reservation, ReservationState, WorkloadKind
from collegium.domain.resources import Resources, format_quantity, total, unit_of
from collegium.quota.ledger import usage
from collegium.quota.servers import split_server_workload
from collegium.services.auth import Identity
from collegium.services.groups.models import (
    CatalogOut,
    ContextOut,
    DatasetOut,
    GroupOut,
    GroupRef,
    HolderOut,
    ImageOut,
    InstanceTypeOut,
    PermissionOut,
    QuotaLine,
    ServerOut,
    UsageOut,
    UserOut,
)
from collegium.services.identity.links import Links
from collegium.services.jobs.models import EventOut
from collegium.services.jobs.views import event_out
from collegium.services.members.service import revocation_out


class GroupService:
    """Reads only. Every method expects that the policy was asked already."""

    def __init__(self, database: Database, notice: str, links: Links) -> None:
        self._database = database
        self._notice, self._links = notice, links

    async def context(self, actor: Actor) -> ContextOut:
        """Who the actor is, with groups and live servers. A platform admin sees all groups, with no role in most."""

        def look(uow: UnitOfWork) -> ContextOut:
            groups = [g for g in uow.groups.all() if actor.platform_admin or g.name in actor.roles]
            held = uow.reservations.live(kinds=[WorkloadKind.SERVER], user=actor.user)
            message = "" if groups else self._nowhere(uow)
            return ContextOut(
                user=UserOut(name=actor.user, platform_admin=actor.platform_admin),
                groups=[_ref(g, actor) for g in sorted(groups, key=lambda g: (actor.role_in(g.name) is None, g.name))],
                servers=[_server(r) for r in held],
                no_group_message=message,
                notice=self._notice,
                account=self._links.of(uow.identities.of_user(actor.user)),
                ending=[revocation_out(r) for r in uow.revocations.of_user(actor.user)],
            )

        return await self._database.reading(look)

    async def group(self, identity: Identity, group: str) -> GroupOut:
        """The group and what the caller may do in it, by role and by token."""

        def look(uow: UnitOfWork) -> GroupOut:
            row = _group(uow, group)
            admins = [m.user for m in uow.memberships.of_group(group) if m.role is Role.ADMIN]
            verdicts = {o: identity.explain(o, group) for o, rule in POLICY.items() if rule.role is not None}
            return GroupOut(
                **_ref(row, identity.actor).model_dump(),
                contact=row.contact,
                admins=admins,
                operations={o.value: PermissionOut(allowed=v.allowed, reason=v.reason) for o, v in verdicts.items()},
            )

        return await self._database.reading(look)

    async def usage(self, actor: Actor, group: str) -> UsageOut:
        """Used and limit, and every workload that holds something."""

        def look(uow: UnitOfWork) -> UsageOut:
            now = usage(uow, group)
            by_member: dict[str, list[Resources]] = {}
            by_kind: dict[str, list[Resources]] = {}
            for r in now.live:
                by_member.setdefault(r.user, []).append(r.charge)
                by_kind.setdefault(r.kind.value, []).append(r.charge)
            return UsageOut(
                group=_lines(now.used, now.limits),
                mine=_lines(now.used_by(actor.user), now.limits_of(actor.user)),
                by_kind={k: total(v).texts() for k, v in sorted(by_kind.items())},
                by_member={k: total(v).texts() for k, v in sorted(by_member.items())},
                holders=[_holder(r) for r in now.live],
            )

        return await self._database.reading(look)

    async def catalog(self, actor: Actor, group: str) -> CatalogOut:
        """What the group may choose from, and whether a job of each size would fit now."""

        def look(uow: UnitOfWork) -> CatalogOut:
            offer, now = uow.catalog.offer(group), usage(uow, group)
            return CatalogOut(
                instance_types=[_instance_type(t, now, actor.user) for t in offer.instance_types],
                images=[
                    ImageOut(name=i.name, display_name=i.display_name, description=i.description) for i in offer.images
                ],
                datasets=[
                    DatasetOut(
                        name=d.name,
                        display_name=d.display_name,
                        description=d.description,
                        kind=d.kind.value,
                        access=access.value,
                    )
                    for d, access in offer.datasets
                ],
            )

        return await self._database.reading(look)

    async def newest_event(self, group: str) -> int:
        """The number of the group's newest event, 0 if there is none."""
        return await self._database.reading(lambda uow: uow.events.last(group))

    async def events(self, group: str, after: int) -> list[EventOut]:
        """The next events above a number, in order; at most 500."""
        found = await self._database.reading(lambda uow: uow.events.after(group, after))
        return [event_out(e) for e in found]

    def _nowhere(self, uow: UnitOfWork) -> str:
        names = [u.name for u in uow.users.all() if u.platform_admin]
        whom = f"a platform admin: {', '.join(names[:10])}" if names else "whoever runs this hub"
        return f"No group is available to you yet. To be added to one, ask {whom}."


def _group(uow: UnitOfWork, name: str) -> Group:
    row = uow.groups.get(name)
    if row is None:
        raise NotFound(f"group: no group {name} that you belong to", field="group", value=name)
    return row


def _ref(group: Group, actor: Actor) -> GroupRef:
    return GroupRef(
        name=group.name, display_name=group.display_name, description=group.description, role=actor.role_in(group.name)
    )


def _server(r: Reservation) -> ServerOut:
    name = split_server_workload(r.workload_id)[1]
    return ServerOut(name=name, group=r.group, instance_type=r.instance_type, since=r.bound_at or r.created_at)


def _lines(used: Mapping[str, int], limits: Limits) -> list[QuotaLine]:
    return [
        QuotaLine.model_validate(
            {
                "resource": name,
                "unit": unit_of(name),
                "used": used.get(name, 0),
                "limit": limits.get(name),
                "used_text": format_quantity(used.get(name, 0), name),
                "limit_text": format_quantity(limits[name], name) if name in limits else None,
            }
        )
        for name in sorted({*used, *limits})
    ]


def _holder(r: Reservation) -> HolderOut:
    starting = "Preparing" if r.kind is WorkloadKind.JOB else "Starting"
    server = split_server_workload(r.workload_id)[1]
    return HolderOut(
        user=r.user,
        kind=r.kind,
        id=server if r.kind is WorkloadKind.SERVER else r.workload_id,
        label=r.label or (server or "default server" if r.kind is WorkloadKind.SERVER else r.workload_id),
        state="Running" if r.state is ReservationState.BOUND else starting,
        instance_type=r.instance_type,
        resources=r.resources.texts(),
        since=r.bound_at or r.created_at,
    )


def _instance_type(t: InstanceType, now: GroupUsage, user: str) -> InstanceTypeOut:
    decision = now.decide(user, WorkloadKind.JOB, t.limits)
    used, mine, mine_limits = now.used, now.used_by(user), now.limits_of(user)
    left: dict[str, str] = {}
    for name in sorted({*now.limits, *mine_limits}):
        rooms = [lim[name] - have[name] for lim, have in ((now.limits, used), (mine_limits, mine)) if name in lim]
        left[name] = format_quantity(max(0, min(rooms)), name)
    return InstanceTypeOut(
        name=t.name,
        display_name=t.display_name,
        description=t.description,
        resources=t.limits.texts(),
        summary=t.limits.describe(),
        fits="now" if decision.granted else "never" if decision.never else "wait",
        reason=decision.message(),
        left=left,
    )
