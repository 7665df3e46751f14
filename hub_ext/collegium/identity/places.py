"""Where in the realm a role in one of our groups is, and what has to change so that somebody has it and no more."""

from __future__ import annotations

from collections.abc import Collection

from collegium.db import Database
from collegium.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from collegium.domain.groups import Role
from collegium.domain.identity import GroupBinding
from collegium.identity.admin_api import AdminApi, each, segment
from collegium.identity.guard import Guard
from collegium.identity.people import Account
from collegium.identity.realm_groups import Group, RealmGroups
from collegium.identity.settings import KeycloakSettings, RoleRules


def spots(base: str, rules: RoleRules) -> dict[str, Role]:
    """Every path that means a role in the group at ``base``."""
    found = {base: rules.default}
    if rules.source == "subgroup":
        found |= {f"{base}/{name}": role for name, role in rules.names.items()}
    return found


def plan(base: str, rules: RoleRules, paths: Collection[str], role: Role | None) -> tuple[list[str], list[str]]:
    """Which groups to join and which to leave, so that the role is ``role`` and stays it; to join comes first.

    Who is in the group itself may stay there beside a higher role. Raises InvalidInput for a role without a place.
    """
    inside = {p: r for p, r in spots(base, rules).items() if p in paths}
    if role is None:
        return [], list(inside)
    places = [p for p, r in spots(base, rules).items() if r is role]
    if not places:
        raise InvalidInput("role", f"has no subgroup in keycloak.roles.names, nor is it {rules.default.value}", role)
    leave = [p for p, r in inside.items() if r.rank > role.rank or (p != base and r is not role)]
    return [] if any(r is role for r in inside.values()) else places[:1], leave


class Places:
    """Reads and changes who is in the realm's groups that stand for ours, and in no other."""

    def __init__(self, settings: KeycloakSettings, api: AdminApi, guard: Guard, database: Database) -> None:
        self._settings, self._api, self._guard, self._database = settings, api, guard, database

    async def bindings(self) -> list[GroupBinding]:
        """All groups of ours that the realm has."""
        issuer = self._settings.issuer
        rows = await self._database.reading(lambda uow: uow.group_bindings.all())
        return [b for b in rows if b.issuer == issuer and b.gone_at is None]

    async def paths(self, subject: str) -> dict[str, str]:
        """Path → id of every group that an account is in."""
        rows = await self._api.get(f"users/{segment(subject)}/groups", "see an account's groups")
        return {str(g["path"]): str(g["id"]) for g in rows}

    async def require(self, group: str, role: Role) -> GroupBinding:
        """The group's binding; raises unless somebody could be given this role in it."""
        binding = await self._binding(group)
        rules = self._settings.roles
        if rules.source == "attribute" and role is not rules.default:
            raise Conflict(
                f"Roles in {group} are attributes of the group in Keycloak and are given there; from here people can "
                f"only become {rules.default.label}.",
                group=group,
                role=role.value,
            )
        if rules.source == "subgroup":
            plan(binding.path, rules, (), role)
        return binding

    async def put(self, account: Account, group: str, role: Role | None, groups: RealmGroups) -> None:
        """Make the role exactly this: first what is joined, then what is left. Raises as ``Broker.place``."""
        rules = self._settings.roles
        if role is None:
            binding = await self._binding(group)
        elif rules.source == "attribute" and await self._attribute_role(account, group) is role:
            binding, role = await self._binding(group), rules.default
        else:
            binding = await self.require(group, role)
        base = await self.group(binding, groups)
        paths = await self.paths(account.subject)
        wanted = role if role is None or rules.source == "subgroup" else rules.default
        join, leave = plan(base["path"], rules, paths, wanted)
        # All bounds before the first change.
        joined = [await self.target(base, path, groups) for path in join]
        for path in leave:
            await self._guard.group({"path": path, "id": paths[path]}, groups)
        if rules.source == "client-role":
            await self._client_role(account, group, role)
        user = f"users/{segment(account.subject)}/groups"
        for target in joined:
            await self._api.put(f"{user}/{segment(target['id'])}", "put people into a group")
        for path in leave:
            await self._api.delete(f"{user}/{segment(paths[path])}", "take people out of a group")

    async def path_for(self, group: str, role: Role, groups: RealmGroups) -> str:
        """Where a new member with this role belongs, checked and made if need be."""
        base = await self.group(await self.require(group, role), groups)
        join, _ = plan(base["path"], self._settings.roles, (), role)
        return str((await self.target(base, join[0], groups))["path"])

    async def target(self, base: Group, path: str, groups: RealmGroups) -> Group:
        """The group at a path that ``plan`` named, made if only the role's subgroup is missing. Raises Forbidden."""
        if path == base["path"]:
            await self._guard.group(base, groups)
            return base
        try:
            found = await groups.at(path)
        except NotFound:
            await self._guard.group(base, groups)
            name = path.rpartition("/")[2]
            try:
                await self._api.post(f"groups/{segment(base['id'])}/children", "make a subgroup", {"name": name})
            except Conflict:
                pass  # Somebody else just made it.
            except Forbidden:
                raise Conflict(
                    f"The group {base['path']} has no subgroup {name} in Keycloak, and the client "
                    f"{self._api.client_id} may not make it. Make it there once.",
                    path=path,
                ) from None
            found = await groups.at(path, fresh=True)
        await self._guard.group(found, groups)
        return found

    async def group(self, binding: GroupBinding, groups: RealmGroups) -> Group:
        """The realm's group that a binding names; by id where that is known, so that a namesake is not taken for it."""
        try:
            if binding.external_id:
                return await groups.of_id(binding.external_id, binding.path)
            return await groups.at(binding.path)
        except NotFound:
            raise Conflict(
                f"The group {binding.path} that stands for {binding.group} is not in Keycloak any more.",
                group=binding.group,
            ) from None

    async def members(self, groups: RealmGroups) -> dict[str, dict[str, Role]]:
        """Account → group → highest role, by the groups alone."""
        found: dict[str, dict[str, Role]] = {}
        rules = self._settings.roles
        asked: list[tuple[str, Role, str]] = []
        for binding in await self.bindings():
            base = await self.group(binding, groups)
            for path, role in spots(base["path"], rules).items():
                try:
                    asked.append((binding.group, role, str((await groups.at(path))["id"])))
                except NotFound:
                    continue
        for (group, role, _), subjects in zip(asked, await each(self._members, [a[2] for a in asked]), strict=True):
            for subject in subjects:
                before = found.setdefault(subject, {}).get(group)
                if before is None or role.rank > before.rank:
                    found[subject][group] = role
        return found

    async def _members(self, group_id: str) -> list[str]:
        where = f"groups/{segment(group_id)}/members"
        return [str(u["id"]) for u in await self._api.pages(where, "see members", briefRepresentation=True)]

    async def _binding(self, group: str) -> GroupBinding:
        binding = await self._database.reading(lambda uow: uow.group_bindings.of_group(group))
        if binding is None or binding.issuer != self._settings.issuer:
            raise Conflict(
                f"No group of Keycloak stands for {group} yet: make it there and put somebody into it, who logs in "
                "here once (or let the sync account find it).",
                group=group,
            )
        if binding.gone_at is not None:
            raise Conflict(
                f"The group {binding.path} that stands for {group} was deleted in Keycloak; an operator may run: "
                f"collegium identity rebind {group}",
                group=group,
            )
        return binding

    async def _attribute_role(self, account: Account, group: str) -> Role:
        binding = await self._binding(group)
        return binding.roles.get(account.username.casefold(), self._settings.roles.default)

    async def _client_role(self, account: Account, group: str, role: Role | None) -> None:
        """Give the login client's role for this, and take those for other roles in the same group."""
        client, rules = self._settings.login.client_id, self._settings.roles
        uuid = segment(await self._guard.client(client))
        names = {r.value: r for r in Role} | dict(rules.names)
        wanted = {rules.pattern.format(group=group, role=name): r for name, r in names.items()}
        where = f"users/{segment(account.subject)}/role-mappings/clients/{uuid}"
        has = await self._api.get(where, "see an account's roles")
        leave = [r for r in has if r["name"] in wanted and wanted[r["name"]] is not role]
        if role is not None and role is not rules.default and not any(wanted.get(r["name"]) is role for r in has):
            name = next(n for n, r in wanted.items() if r is role)
            try:
                mapping = await self._api.get(f"clients/{uuid}/roles/{segment(name)}", "see a role")
            except NotFound:
                raise Conflict(f"The client {client} has no role {name} in Keycloak.", role=name) from None
            if mapping.get("composite") or name == self._settings.platform_admin.client_role:
                raise Forbidden(
                    f"The role {name} of {client} brings other rights along; it is given in Keycloak alone."
                )
            await self._api.post(where, "give a role", [{"id": mapping["id"], "name": mapping["name"]}])
        if leave:
            rows = [{"id": r["id"], "name": r["name"]} for r in leave]
            await self._api.delete(where, "take a role", rows)

    async def client_roles(self, account: Account) -> list[str]:
        """The login client's roles of an account, by whatever way. Raises Conflict if we may not see them."""
        uuid = segment(await self._guard.client(self._settings.login.client_id))
        where = f"users/{segment(account.subject)}/role-mappings/clients/{uuid}/composite"
        return [str(r["name"]) for r in await self._api.get(where, "see an account's roles")]
