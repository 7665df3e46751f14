"""Groups with their quotas, and people where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collegium.catalog.primehub.entries import Entry, Tools
from collegium.catalog.primehub.findings import Findings
from collegium.catalog.primehub.grants import Granted, names_of
from collegium.catalog.primehub.names import label
from collegium.catalog.primehub.realm import Realm, RealmGroup, RealmUser
from collegium.domain.catalog import AccessMode
from collegium.domain.errors import InvalidInput, shorten
from collegium.domain.groups import Role
from collegium.domain.names import check_user_name
from collegium.domain.resources import CPU, MEMORY

#: Attribute → why it is not in the catalog.
_LOST = {
    "user-volume-capacity": "the size of homes is not part of the catalog",
    "shared-volume-capacity": "the size of a group's volume is not part of the catalog",
    "job-default-active-deadline-seconds": "a default time limit of jobs is not part of the catalog",
    "mlflow-tracking-uri": "MLflow is not part of the catalog",
    "mlflow-ui-url": "MLflow is not part of the catalog",
    "mlflow-tracking-envs": "MLflow is not part of the catalog",
    "mlflow-artifact-envs": "MLflow is not part of the catalog",
}
_FLAGS = {
    "enabled-shared-volume": "on: whether a group has a volume of its own is not part of the catalog",
    "home-symlink": "on: the link in people's homes is not made",
}
_READ = ("displayName", "admins", "enabled-deployment", "max-deploy", "launch-group-only")
_QUOTAS = ("quota-cpu", "quota-gpu", "quota-memory", "project-quota-cpu", "project-quota-gpu", "project-quota-memory")
_DEPLOYMENTS = "count/deployments"


def group_entry(
    group: RealmGroup,
    name: str,
    granted: Granted,
    names: Mapping[str, Mapping[str, str]],
    gpus: Sequence[str],
    tools: Tools,
) -> Entry:
    """One group. Its members are added by ``add_members``."""
    data: dict[str, Any] = {"name": name}
    if shown := label(_one(group, "displayName", tools.findings), group.where, "displayName", tools.findings):
        data["display_name"] = shown
    limits = {**_quota(group, "project-quota-", gpus, tools), **_deployments(group, tools)}
    member_limits = _quota(group, "quota-", gpus, tools)
    for field, values in (("limits", limits), ("member_limits", member_limits)):
        if values:
            data[field] = values
    for section, kind in (("instance_types", "InstanceType"), ("images", "Image")):
        if found := [n for n, _ in names_of(granted, kind, names[kind])]:
            data[section] = found
    datasets = names_of(granted, "Dataset", names["Dataset"])
    if datasets:
        data["datasets"] = [{"name": n, "access": "rw"} if a is AccessMode.READ_WRITE else n for n, a in datasets]
    _report(group, tools.findings)
    return Entry(group.where, data)


def add_members(
    realm: Realm, names: Mapping[str, str], entries: Mapping[str, Entry], everyone: str, findings: Findings
) -> list[Entry]:
    """Write people and their roles into the entries of their groups; returns the users. For local passwords."""
    users: dict[str, Entry] = {}
    if realm.users is None:
        findings.lost(
            realm.where, "users", "the export has none; only group admins are known, from their groups' attribute"
        )
    for person in realm.users or ():
        if (user := _person(person, users, findings)) is None:
            continue
        for path in person.groups:
            if path in names:
                entries[path].data.setdefault("members", {})[user.name] = Role.MEMBER.value
            elif path != f"/{everyone}":
                findings.lost(person.where, "groups", f"{path} is no group that is carried over")
    for group in realm.groups:
        if group.path in names:
            _name_admins(group, entries[group.path], users, realm.users is None, findings)
    if users:
        findings.lost(
            realm.where, "users.credentials", "passwords stay in Keycloak; new ones are made at the first start"
        )
    return list(users.values())


def _name_admins(
    group: RealmGroup, entry: Entry, users: dict[str, Entry], nobody_known: bool, findings: Findings
) -> None:
    members = entry.data.setdefault("members", {})
    for admin in dict.fromkeys(_admins(group)):
        if admin in members or (nobody_known and _plain(admin)):
            members[admin] = Role.ADMIN.value
            users.setdefault(admin, Entry(group.where, {"name": admin}, origin=f"admin of {group.where.what}"))
        else:
            findings.lost(group.where, "admins", f"{shorten(admin)} is no member of the group and cannot be its admin")
    if not members:
        del entry.data["members"]
    elif Role.ADMIN.value not in members.values():
        findings.todo(group.where, "admins", "has no admin among its members")


def report_admins(realm: Realm, names: Mapping[str, str], findings: Findings) -> None:
    """Say who must get a role in Keycloak, where roles come from there."""
    for group in realm.groups:
        if group.path in names and (admins := list(dict.fromkeys(_admins(group)))):
            findings.todo(
                group.where,
                "admins",
                f"put {', '.join(admins)} into the subgroup {group.path}/admins, or let the account for "
                'sync read the attribute: "roles": {"source": "attribute"}',
            )
    for user in realm.users or ():
        if user.platform_admin and user.enabled and not user.service_account:
            findings.todo(user.where, "realm-admin", "give the realm role platform-admin")


def report_settings(realm: Realm, everyone: str, findings: Findings) -> None:
    """Say what of people's and the system's settings has no place in the catalog, without any value."""
    lost = {
        "volumeCapacity": "the size of a person's home is not part of the catalog",
        "enableInviteUsers": "inviting is allowed per group here, with invitations: true",
        "predefinedEnvs": "people's own variables are not part of the catalog",
    }
    for user in realm.users or ():
        for name in sorted(lost.keys() & user.attributes.keys()):
            findings.lost(user.where, name, lost[name])
    for group in realm.groups:
        if group.name == everyone:
            for name in sorted(group.attributes.keys() - set(_QUOTAS) - set(_READ) - set(_FLAGS)):
                findings.lost(group.where, name, "settings of the system are not part of the catalog")
    if realm.invitations:
        findings.lost(realm.where, "role invitation", f"open invitations, which end with PrimeHub: {realm.invitations}")


def _quota(group: RealmGroup, prefix: str, gpus: Sequence[str], tools: Tools) -> dict[str, str]:
    found: dict[str, str] = {}
    cpu, gpu, memory = (_one(group, prefix + r, tools.findings) for r in ("cpu", "gpu", "memory"))
    for what, text in (("cpu", cpu), ("gpu", gpu), ("memory", memory)):
        if not text and prefix + what in group.attributes:
            tools.findings.changed(group.where, prefix + what, "is empty, which is no limit")
    if cpu and (amount := tools.amounts.cpu(group.where, f"{prefix}cpu", cpu)):
        found[CPU] = amount
    if memory and (amount := tools.amounts.memory(group.where, f"{prefix}memory", memory)):
        found[MEMORY] = amount
    if gpu and (amount := tools.amounts.count(group.where, f"{prefix}gpu", gpu, gpus[0])):
        found |= dict.fromkeys(gpus, amount)
        if len(gpus) > 1:
            tools.findings.changed(
                group.where,
                f"{prefix}gpu",
                f"is the limit of each of {', '.join(gpus)}, for there is none of their sum",
            )
    return found


def _deployments(group: RealmGroup, tools: Tools) -> dict[str, str]:
    most = _one(group, "max-deploy", tools.findings)
    if not _flag(group, "enabled-deployment", tools.findings):
        tools.findings.changed(group.where, "enabled-deployment", f"is off, which is {_DEPLOYMENTS}: 0")
        return {_DEPLOYMENTS: "0"}
    if not most:
        return {}
    amount = tools.amounts.count(group.where, "max-deploy", most, _DEPLOYMENTS)
    return {_DEPLOYMENTS: amount} if amount else {}


def _report(group: RealmGroup, findings: Findings) -> None:
    for name, values in group.attributes.items():
        if name in _LOST and any(values):
            findings.lost(group.where, name, _LOST[name])
        elif name in _FLAGS:
            if _flag(group, name, findings):
                findings.lost(group.where, name, _FLAGS[name])
        elif name not in (*_LOST, *_READ, *_QUOTAS):
            findings.lost(group.where, f"attribute {name}", "is none of PrimeHub's that is known here")
    if "launch-group-only" in group.attributes and not _flag(group, "launch-group-only", findings):
        findings.lost(group.where, "launch-group-only", "off: its volume is not seen from servers of other groups")
    for name in group.subgroups:
        if name not in ("admins", "maintainers", "viewers"):
            findings.lost(group.where, f"subgroup {name}", "PrimeHub knew no subgroups, and it is not carried over")


def _person(person: RealmUser, users: dict[str, Entry], findings: Findings) -> Entry | None:
    if person.service_account:
        return None
    if not person.enabled:
        findings.lost(person.where, "enabled", "is off; people who may not log in are left out")
        return None
    try:
        check_user_name(person.name)
    except InvalidInput as refusal:
        findings.lost(person.where, "username", refusal.message.partition(": ")[2])
        return None
    data: dict[str, Any] = {"name": person.name}
    if shown := label(person.display_name, person.where, "firstName, lastName", findings):
        data["display_name"] = shown
    if person.platform_admin:
        data["platform_admin"] = True
    users[person.name] = Entry(person.where, data)
    return users[person.name]


def _admins(group: RealmGroup) -> list[str]:
    return [a for value in group.attributes.get("admins", ()) for a in (p.strip() for p in value.split(",")) if a]


def _plain(name: str) -> bool:
    try:
        return bool(check_user_name(name))
    except InvalidInput:
        return False


def _one(group: RealmGroup, name: str, findings: Findings) -> str:
    values = group.attributes.get(name, ())
    if len(set(values)) > 1:
        findings.problem(
            group.where, name, f"has {len(values)} values ({', '.join(str(shorten(v)) for v in values[:5])})"
        )
    return values[0] if values else ""


def _flag(group: RealmGroup, name: str, findings: Findings) -> bool:
    text = _one(group, name, findings).lower()
    if text not in ("", "true", "false"):
        findings.problem(group.where, name, f"must be true or false (got {shorten(text)})")
    return text == "true"
