"""One person, asked for with the sync account: everything that decides what they may do here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collegium.domain.errors import DomainError, Misconfigured, Unavailable
from collegium.domain.groups import Role
from collegium.domain.identity import Claims, Standing, UserIdentity
from collegium.identity.directory import Directory, DirectoryGroup, DirectoryUser
from collegium.identity.mapping import roles_from_client
from collegium.identity.settings import KeycloakSettings
from collegium.identity.tree import Tree


@dataclass(frozen=True)
class Answer:
    """``person`` is None unless the account is active; ``error`` says that nothing is known of it now."""

    identity: UserIdentity
    standing: Standing = Standing.ACTIVE
    person: DirectoryUser | None = None
    groups: Sequence[DirectoryGroup] = ()
    roles: dict[str, Role] | None = None
    platform_admin: bool | None = None
    error: DomainError | None = None

    @property
    def user(self) -> str:
        """Their name here."""
        return self.identity.user

    def claims(self, tree: Tree) -> Claims:
        """In the words of a login. Groups that the tree does not know, or leaves out, are left out."""
        person = self.person
        assert person is not None
        paths = (tree.path_of(g.id) for g in self.groups if g.id in tree.groups)
        return Claims(
            subject=person.id,
            username=person.username,
            paths=frozenset(p for p in paths if p is not None),
            display_name=person.display_name or person.username,
            email=person.email,
            email_verified=person.email_verified,
            roles=self.roles,
            platform_admin=self.platform_admin,
        )


async def ask(
    directory: Directory, settings: KeycloakSettings, identity: UserIdentity, *, admin: bool = True
) -> Answer:
    """Two questions, one more for who runs the platform (``admin``) and where roles come from the login client.

    Trouble is in the answer: it is this person's alone, the caller sees whether everybody has it.
    """
    try:
        person = await directory.person(identity.subject)
        if person is None:
            return Answer(identity, Standing.DELETED)
        if not person.enabled:
            return Answer(identity, Standing.DISABLED)
        groups = await directory.groups_of(identity.subject, settings.roles.source == "attribute")
        if groups is None:
            return Answer(identity, Standing.DELETED)
        roles = None
        if settings.roles.source == "client-role":
            names = await directory.client_roles(identity.subject, settings.login.client_id)
            roles = None if names is None else roles_from_client(names, settings.roles)
        runs = await _platform_admin(directory, settings, identity.subject) if admin else None
    except (Unavailable, Misconfigured) as error:
        return Answer(identity, error=error)
    return Answer(identity, Standing.ACTIVE, person, groups, roles, runs)


async def _platform_admin(directory: Directory, settings: KeycloakSettings, subject: str) -> bool | None:
    rule, said = settings.platform_admin, list[bool | None]()
    if rule.realm_role:
        realm = await directory.realm_roles(subject)
        said.append(None if realm is None else rule.realm_role in realm)
    if rule.client_role and True not in said:
        client = await directory.client_roles(subject, settings.login.client_id)
        said.append(None if client is None else rule.client_role in client)
    return True if True in said else None if None in said else False
