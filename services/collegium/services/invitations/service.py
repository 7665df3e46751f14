"""What a group's admins do with invitations. Knows people, groups and the store; knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from collegium.db import Database, UnitOfWork
from collegium.domain.addresses import check_address, check_domain
from collegium.domain.audit import AuditEntry
from collegium.domain.errors import Conflict, DomainError, InvalidInput, NotFound, shorten
from collegium.domain.groups import Role
from collegium.domain.invitations import Invitation, InvitationState, hash_token, new_token
from collegium.domain.names import check_label, new_id
from collegium.domain.policy import Operation, explain
from collegium.identity.people import Broker, missing
from collegium.services.by import By
from collegium.services.invitations.models import InvitationCreated, InvitationIn, InvitationList, InvitationOut
from collegium.services.mail import Mailer

#: Open invitations of one group; whoever needs more wants one with more uses.
MAX_OPEN = 100
FEATURE = "Inviting people"


class InvitationService:
    """List, create, revoke. Every method expects that the policy was asked already.

    ``keycloak`` says whether there is a provider at all, for the sentence that says what is missing without a broker.
    """

    def __init__(
        self, database: Database, broker: Broker | None, keycloak: bool, mailer: Mailer, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._broker, self._keycloak = database, broker, keycloak
        self._mailer, self._clock = mailer, clock

    async def of_group(self, group: str) -> InvitationList:
        """The group's newest."""

        def look(uow: UnitOfWork) -> InvitationList:
            problem = ""
            try:
                self._require_open(uow, group)
            except DomainError as error:
                problem = error.message
            rows = [_out(uow, i, self._clock()) for i in uow.invitations.of_group(group)]
            roles = list(self._broker.givable) if self._broker else []
            return InvitationList(items=rows, problem=problem, mail=self._mailer.ready, roles=roles)

        return await self._database.reading(look)

    async def create(self, by: By, group: str, body: InvitationIn, page: str) -> InvitationCreated:
        """A new one, with its link: ``page`` and behind it the token. Sends the mail if asked to.

        Raises Conflict where inviting is off or cannot work, InvalidInput, and what ``Broker.require_place`` raises.
        """
        email, domains = _binding(body)
        note = check_label(body.note, "note") if body.note.strip() else ""
        if body.send_mail:
            self._mailer.require()
            if not email:
                raise InvalidInput("send_mail", "needs an address to send the link to, in email")
        await self._database.reading(lambda uow: self._require_open(uow, group))
        assert self._broker is not None
        await self._broker.require_place(group, body.role)
        token, moment = new_token(), self._clock()
        invitation = Invitation(
            id=new_id("inv"),
            group=group,
            role=body.role,
            token_hash=hash_token(token),
            created_by=by.actor.user,
            created_at=moment,
            expires_at=moment + timedelta(hours=body.expires_in),
            max_uses=body.max_uses,
            email=email,
            domains=domains,
            note=note,
        )
        name = await self._database.writing(lambda uow: self._insert(uow, by, invitation))
        link = f"{page}#{token}"
        problem = await self._send(by, invitation, name, link) if body.send_mail else ""
        out = await self._database.reading(lambda uow: _out(uow, get(uow, group, invitation.id), moment))
        return InvitationCreated(**out.model_dump(), link=link, mail_problem=problem)

    async def revoke(self, by: By, group: str, invitation_id: str) -> InvitationOut:
        """End it: its link opens nothing more. Whoever came by it stays. Raises NotFound."""

        def change(uow: UnitOfWork) -> InvitationOut:
            invitation, moment = get(uow, group, invitation_id), self._clock()
            if invitation.revoked_at is None:
                uow.invitations.revoke(invitation, by.actor.user, moment)
                uow.audit.append(self._entry(by, "invitation.revoke", invitation))
            return _out(uow, get(uow, group, invitation_id), moment)

        return await self._database.writing(change)

    def _insert(self, uow: UnitOfWork, by: By, invitation: Invitation) -> str:
        """Ask everything again inside the transaction; the group's name for people."""
        actor = uow.memberships.actor(by.actor.user, by.actor.platform_admin)
        verdict = explain(actor, Operation.INVITATION_CREATE, invitation.group)
        if not verdict.allowed:
            raise NotFound(f"group: no group {invitation.group} that you administer", field="group")
        group = self._require_open(uow, invitation.group)
        rows = uow.invitations.of_group(invitation.group, MAX_OPEN * 4)
        if sum(i.state(self._clock()) is InvitationState.OPEN for i in rows) >= MAX_OPEN:
            raise Conflict(f"The group has {MAX_OPEN} open invitations; revoke some first.", limit=MAX_OPEN)
        uow.invitations.insert(invitation)
        uow.audit.append(self._entry(by, "invitation.create", invitation))
        return group

    def _require_open(self, uow: UnitOfWork, group: str) -> str:
        row = uow.groups.get(group)
        if row is None:
            raise NotFound(f"group: no group {group} that you belong to", field="group", value=group)
        if self._broker is None:
            raise missing(self._keycloak, FEATURE)
        require_invitations(row.invitations, row.display_name)
        return row.display_name

    async def _send(self, by: By, invitation: Invitation, name: str, link: str) -> str:
        """Why the mail did not go out, empty if it did. The invitation stays either way."""
        hours = round((invitation.expires_at - invitation.created_at).total_seconds() / 3600)
        try:
            await self._mailer.send(
                invitation.email, f"Invitation to {name}", letter(by.actor.user, name, invitation.role, hours, link)
            )
        except DomainError as error:
            return error.message

        def note(uow: UnitOfWork) -> None:
            uow.invitations.mailed(invitation, self._clock())
            uow.audit.append(self._entry(by, "invitation.mail", invitation))

        await self._database.writing(note)
        return ""

    def _entry(self, by: By, action: str, invitation: Invitation) -> AuditEntry:
        details = {
            "role": invitation.role.value,
            "max_uses": invitation.max_uses,
            "expires_at": invitation.expires_at.isoformat(),
            "email": invitation.email,
            "domains": list(invitation.domains),
        }
        return by.entry(self._clock(), action, invitation.id, invitation.group, details)


def require_invitations(on: bool, display_name: str) -> None:
    """Raise Conflict where a group does not invite."""
    if not on:
        raise Conflict(
            f"{FEATURE} is off for {display_name}. A platform admin can switch it on: 'invitations: true' of the group "
            "in the catalog.",
            missing="invitations",
        )


def get(uow: UnitOfWork, group: str, invitation_id: str) -> Invitation:
    """One invitation of a group; raises NotFound."""
    found = uow.invitations.get(group, invitation_id) if len(invitation_id) <= 40 else None
    if found is None:
        shown = shorten(invitation_id)
        raise NotFound(f"Group {group} has no invitation {shown}.", invitation=shown)
    return found


def letter(inviter: str, group: str, role: Role, hours: int, link: str) -> str:
    """The mail's text."""
    valid = f"{hours} hours" if hours > 1 else "one hour"
    return (
        f"{inviter} invites you to the group {group} as {role.label}.\n\n"
        f"Open this link to accept; it is valid for {valid}:\n\n{link}\n\n"
        "The link is meant for you alone. If you do not know what this is about, ignore this mail: nothing happens.\n"
    )


def _binding(body: InvitationIn) -> tuple[str, tuple[str, ...]]:
    email = check_address(body.email) if body.email.strip() else ""
    domains = tuple(dict.fromkeys(check_domain(d, f"domains.{i}") for i, d in enumerate(body.domains)))
    if email and domains and email.rpartition("@")[2].lower() not in domains:
        raise InvalidInput("email", "is of none of the domains that the invitation would be bound to", email)
    if email and body.max_uses > 1:
        raise InvalidInput("max_uses", "must be 1 for an invitation to one address", body.max_uses, 1)
    return email, domains


def _out(uow: UnitOfWork, invitation: Invitation, moment: datetime) -> InvitationOut:
    return InvitationOut(
        id=invitation.id,
        group=invitation.group,
        role=invitation.role,
        state=invitation.state(moment).value,
        created_by=invitation.created_by,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
        max_uses=invitation.max_uses,
        uses=invitation.uses,
        used_by=uow.invitations.users(invitation),
        email=invitation.email,
        domains=list(invitation.domains),
        note=invitation.note,
        mailed_at=invitation.mailed_at,
        revoked_at=invitation.revoked_at,
        revoked_by=invitation.revoked_by,
    )
